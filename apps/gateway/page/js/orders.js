// One customer's orders, as far as the page knows them: what the list brought,
// what the live line said, whichever is newer.

import { Refused } from "./api.js";
import { coalesced } from "./coalesced.js";

const FIRST_PAGE = "/orders?limit=50";

/**
 * Events: `change` with the id of an order, or `null` for several, as detail;
 * `settled` with an order that was NEW before.
 */
export class Orders extends EventTarget {
  #api;
  #intentions;
  /** The newest frame of each order, with `arrived`. */
  #frames = new Map();
  #byId = new Map();
  /** The newest orders as last read. */
  #page = [];
  /** The last order of the pages that were read one after the other. */
  #oldest = "";

  constructor(api, intentions) {
    super();
    this.#api = api;
    this.#intentions = intentions;
    this.loaded = false;
    this.next = null;
  }

  /**
   * Newest first: ids are UUIDv7, which sort by time. Without what was read by
   * itself beyond the pages: between it and them others are missing.
   */
  list() {
    const listed = [...this.#byId.values()].filter(({ id }) => this.next === null || id >= this.#oldest);
    return listed.sort((a, b) => (a.id < b.id ? 1 : -1));
  }

  get(id) {
    return this.#byId.get(id);
  }

  /** When a push brought the news that this order has this version; `null` if none did. */
  arrival(id, version) {
    const frame = this.#frames.get(id);
    return frame?.version === version ? frame.arrived : null;
  }

  /** Reads the newest orders; what is known beyond them stays. */
  load = coalesced(() => this.#load());

  async #load() {
    const { body, next } = await this.#api.get(FIRST_PAGE);
    this.#page = body;
    const oldest = body.at(-1)?.id;
    const gap = this.loaded && oldest !== undefined && !this.#byId.has(oldest);
    // More has happened meanwhile than one page holds: begin again, so that
    // the list has no hole.
    if (gap) this.#byId.clear();
    if (!this.loaded || gap) {
      this.next = next;
      this.#oldest = oldest ?? "";
    }
    this.loaded = true;
    this.#takeAll(body);
  }

  /** Reads the page after the oldest known order. */
  async more() {
    if (this.next === null) return;
    const { body, next } = await this.#api.get(this.next);
    this.next = next;
    this.#oldest = body.at(-1)?.id ?? this.#oldest;
    this.#takeAll(body);
  }

  /** Reads one order; `undefined` when there is none with this id. */
  async fetch(id) {
    try {
      const { body } = await this.#api.get(`/orders/${encodeURIComponent(id)}`);
      this.#take(body);
      return this.#byId.get(body.id);
    } catch (error) {
      if (error instanceof Refused && [400, 404].includes(error.status)) return undefined;
      throw error;
    }
  }

  async place(minor, description, unsure) {
    const body = `{"amount":${minor},"description":${JSON.stringify(description)}}`;
    const send = (key) => this.#api.post("/orders", body, key, unsure);
    const answer = await this.#intentions.carryOut("/orders", body, send);
    this.#take(answer.body);
    return this.#byId.get(answer.body.id);
  }

  /**
   * A push: news, or part of a snapshot, which is news only about orders that
   * were NEW as far as the page knew. `true` when the order is not in the list.
   */
  hear(frame, isNews) {
    const known = this.#frames.get(frame.order_id);
    const order = this.#byId.get(frame.order_id);
    if (known === undefined || frame.version > known.version) {
      const arrived = isNews || order?.status === "NEW" ? Date.now() : null;
      this.#frames.set(frame.order_id, { ...frame, arrived });
    }
    if (order === undefined) return true;
    this.#take(order);
    return false;
  }

  /** After a reconnection: orders that may have changed unseen. */
  async catchUp() {
    await this.load();
    const oldest = this.#page.at(-1)?.id ?? "";
    const unread = this.list().filter((order) => order.status === "NEW" && order.id < oldest);
    for (const order of unread) await this.fetch(order.id);
  }

  #takeAll(orders) {
    for (const order of orders) this.#put(order);
    this.dispatchEvent(new CustomEvent("change", { detail: null }));
  }

  #take(order) {
    if (this.#put(order)) this.dispatchEvent(new CustomEvent("change", { detail: order.id }));
  }

  /** Keeps the newest of what is known; `true` when that changed something. */
  #put(given) {
    const before = this.#byId.get(given.id);
    const frame = this.#frames.get(given.id);
    let order = before !== undefined && before.version > given.version ? before : given;
    if (frame !== undefined && frame.version > order.version) {
      const { status, reason, version, updated_at } = frame;
      order = { ...order, status, reason, version, updated_at };
    }
    if (before !== undefined && before.version === order.version) return false;
    this.#byId.set(order.id, order);
    if (before?.status === "NEW" && order.status !== "NEW") {
      this.dispatchEvent(new CustomEvent("settled", { detail: order }));
    }
    return true;
  }
}
