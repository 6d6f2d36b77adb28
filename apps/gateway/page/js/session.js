// One customer in one tab: account, orders, and the live line that keeps both
// true.

import { Account } from "./account.js";
import { Api, Refused, Unreachable } from "./api.js";
import { coalesced } from "./coalesced.js";
import { Intentions } from "./intentions.js";
import { LiveSocket } from "./socket.js";
import { Orders } from "./orders.js";

/** Between two attempts to read what the shop could not say just now. */
const PAUSE = { first: 1_000, most: 30_000 };

/**
 * Events: `settled` with an order; `refresh` when what else was read may be
 * out of date; `trouble` with the error of something that could not be read.
 */
export class Session extends EventTarget {
  constructor(user) {
    super();
    this.user = user;
    this.api = new Api(user);
    this.intentions = new Intentions(user);
    this.account = new Account(this.api, this.intentions);
    this.orders = new Orders(this.api, this.intentions);
    this.socket = new LiveSocket(user);
    this.ended = false;
    /** What was typed and not sent yet, kept over a change of view. */
    this.drafts = {};
    this.socket.addEventListener("status", ({ detail }) => this.#heard(detail));
    this.socket.addEventListener("ready", () => this.#caughtUp());
    this.orders.addEventListener("settled", ({ detail }) => this.#settled(detail));
  }

  start() {
    // The list does not wait for the live line, nor the live line for the list.
    this.attempt(() => this.account.refresh());
    this.attempt(() => this.orders.load());
    this.socket.start();
  }

  end() {
    this.ended = true;
    clearTimeout(this.#again);
    this.socket.stop();
  }

  /**
   * Reads something; without an answer the line is doubted, and reading happens
   * again when it is back; when the shop cannot say it now, after a pause. `true`
   * when it was read.
   */
  async attempt(read) {
    try {
      await read();
      return true;
    } catch (error) {
      if (this.ended) return false;
      if (error instanceof Unreachable) this.socket.doubt();
      if (error instanceof Refused && !error.isFinal) this.#readLater();
      this.dispatchEvent(new CustomEvent("trouble", { detail: error }));
      return false;
    }
  }

  #heard(frame) {
    // The snapshot may hold older orders than the list shows; what changes
    // afterwards is news, and if unknown was ordered elsewhere.
    const isNews = this.socket.state === "live";
    if (this.orders.hear(frame, isNews) && isNews) {
      this.#strangers.add(frame.order_id);
      this.attempt(() => this.#meet());
    }
  }

  #strangers = new Set();
  #meet = coalesced(async () => {
    const ids = [...this.#strangers];
    this.#strangers.clear();
    await this.orders.load();
    for (const id of ids) {
      const order = this.orders.get(id) ?? (await this.orders.fetch(id));
      if (order !== undefined && order.status !== "NEW") this.#settled(order);
    }
  });

  #settled(order) {
    this.attempt(() => this.account.refresh());
    this.dispatchEvent(new CustomEvent("settled", { detail: order }));
    this.dispatchEvent(new Event("refresh"));
  }

  async #caughtUp() {
    const reads = [() => this.account.refresh(), () => this.orders.catchUp()];
    this.dispatchEvent(new Event("refresh"));
    const read = await Promise.all(reads.map((one) => this.attempt(one)));
    if (read.every(Boolean)) this.#pause = PAUSE.first;
  }

  #again = null;
  #pause = PAUSE.first;

  /** The line may be live while a part of the shop is not there. */
  #readLater() {
    if (this.#again !== null) return;
    const pause = this.#pause * (0.75 + Math.random() / 2);
    this.#pause = Math.min(this.#pause * 2, PAUSE.most);
    this.#again = setTimeout(() => {
      this.#again = null;
      this.#caughtUp();
    }, pause);
  }
}
