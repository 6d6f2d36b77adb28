// One customer's account, as far as the page knows it.

import { Refused } from "./api.js";
import { coalesced } from "./coalesced.js";

/**
 * Event `change`. `state` is `"unknown"`, `"none"` or `"open"`; `balance`, in
 * minor units, and `currency` are known when it is open.
 */
export class Account extends EventTarget {
  #api;
  #intentions;

  /** Asks whether there is an account, and what is in it. */
  refresh = coalesced(() => this.#ask());

  constructor(api, intentions) {
    super();
    this.#api = api;
    this.#intentions = intentions;
    this.state = "unknown";
    this.balance = null;
    this.currency = null;
  }

  async #ask() {
    const { body } = await this.#api.get("/accounts");
    if (body.length === 0) this.#lacks();
    else this.#take(body[0]);
  }

  /** Opens the account; one that exists already is what was wanted. */
  async open(unsure) {
    try {
      this.#take(await this.#send("/accounts", null, unsure));
    } catch (error) {
      if (!(error instanceof Refused) || error.problem.code !== "account_exists") throw error;
      await this.refresh();
    }
  }

  /** Puts in this many minor units. */
  async topUp(minor, unsure) {
    this.#take(await this.#send("/accounts/topup", `{"amount":${minor}}`, unsure));
    // A payment may have been booked between that answer and its arrival.
    this.refresh().catch(() => {});
  }

  async #send(path, body, unsure) {
    const send = (key) => this.#api.post(path, body, key, unsure);
    return (await this.#intentions.carryOut(path, body, send)).body;
  }

  #lacks() {
    this.state = "none";
    this.dispatchEvent(new Event("change"));
  }

  #take(body) {
    this.state = "open";
    this.balance = BigInt(body.balance);
    this.currency = body.currency;
    this.dispatchEvent(new Event("change"));
  }
}
