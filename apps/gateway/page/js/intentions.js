// What the customer has asked for and has no answer to yet.
//
// An intention has one Idempotency-Key for as long as it is open, also across a
// reload of the page: whoever presses the button again after a lost answer
// repeats the request instead of making a second one.

import { newKey } from "./api.js";
import { keep, recall } from "./memory.js";

export class Intentions {
  constructor(user) {
    this.prefix = `intention.${user}.`;
  }

  /** The key for this body; a new one unless the same body is open. */
  key(path, body) {
    const open = this.open(path);
    if (open !== null && open.body === body) return open.key;
    const key = newKey();
    keep(this.prefix + path, JSON.stringify({ key, body }), "sessionStorage");
    return key;
  }

  /** The open intention at this path, `{ key, body }`, or `null`. */
  open(path) {
    try {
      return JSON.parse(recall(this.prefix + path, "sessionStorage"));
    } catch {
      return null;
    }
  }

  /** The shop has answered, one way or the other. */
  close(path) {
    keep(this.prefix + path, null, "sessionStorage");
  }
}
