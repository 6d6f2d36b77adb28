// What the customer has asked for and has no answer to yet.
//
// An intention has one Idempotency-Key for as long as it is open, also across a
// reload of the page: whoever presses the button again after a lost answer
// repeats the request instead of making a second one.

import { newKey, Refused } from "./api.js";
import { keep, recall } from "./memory.js";

/** Event `closed` with `{ path, key, done }`: whether what was asked for is done. */
export class Intentions extends EventTarget {
  constructor(user) {
    super();
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

  /**
   * Sends, by `send(key)`, what has this body. Closed by an answer that says what
   * became of it, and by nothing else: after a lost answer, or where an earlier
   * attempt is still under way, the next one must have the same key.
   */
  async carryOut(path, body, send) {
    const key = this.key(path, body);
    try {
      const answer = await send(key);
      this.#close(path, key, true);
      return answer;
    } catch (error) {
      // A refusal changed nothing: the next attempt is another request.
      if (error instanceof Refused && error.isFinal) this.#close(path, key, false);
      throw error;
    }
  }

  #close(path, key, done) {
    // Another body may have been sent meanwhile, whose answer is still out.
    if (this.open(path)?.key === key) keep(this.prefix + path, null, "sessionStorage");
    this.dispatchEvent(new CustomEvent("closed", { detail: { path, key, done } }));
  }
}
