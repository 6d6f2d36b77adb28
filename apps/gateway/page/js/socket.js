// The live line to the shop. It comes back by itself, and says how it is.

/** The first pause before another attempt; doubled up to the longest. */
const FIRST = 500;
const LONGEST = 15_000;
/** A handshake or a snapshot that takes longer has failed. */
const PATIENCE = 10_000;

/**
 * Events: `state` when `state` changes (`"connecting"`, `"live"`, `"offline"`),
 * `status` with a frame as its detail, `ready` when the snapshot is complete.
 *
 * It is live from `ready` on, not from the open connection on: only then what
 * was missed is known.
 */
export class LiveSocket extends EventTarget {
  #address;
  #socket = null;
  #timer = null;
  #pause = FIRST;
  #wanted = false;

  constructor(user) {
    super();
    this.state = "connecting";
    this.since = Date.now();
    const url = new URL("/ws", location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    url.searchParams.set("user_id", user);
    this.#address = url.href;
  }

  start() {
    this.#wanted = true;
    addEventListener("online", this.#now);
    addEventListener("offline", this.#suspect);
    document.addEventListener("visibilitychange", this.#seen);
    this.#connect();
  }

  stop() {
    this.#wanted = false;
    removeEventListener("online", this.#now);
    removeEventListener("offline", this.#suspect);
    document.removeEventListener("visibilitychange", this.#seen);
    this.#drop();
  }

  /** Tries at once instead of at the end of the pause. */
  retry() {
    if (this.state !== "offline") return;
    this.#pause = FIRST;
    this.#connect();
  }

  /** Something else has failed to reach the shop: do not trust an open line. */
  doubt() {
    if (this.state === "live") this.#lost(this.#socket);
  }

  #now = () => this.retry();
  #suspect = () => this.doubt();
  #seen = () => {
    if (document.visibilityState === "visible") this.retry();
  };

  #connect() {
    this.#drop();
    if (this.state !== "offline") this.#become("connecting");
    const socket = new WebSocket(this.#address);
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#lost(socket), PATIENCE);
    socket.addEventListener("message", (message) => this.#hear(socket, message.data));
    socket.addEventListener("close", () => this.#lost(socket));
  }

  #hear(socket, text) {
    if (socket !== this.#socket) return;
    const frame = JSON.parse(text);
    if (frame.type === "order.status") {
      this.dispatchEvent(new CustomEvent("status", { detail: frame }));
    } else if (frame.type === "ready") {
      clearTimeout(this.#timer);
      this.#pause = FIRST;
      this.#become("live");
      this.dispatchEvent(new Event("ready"));
    }
  }

  #lost(socket) {
    if (socket !== this.#socket || !this.#wanted) return;
    this.#drop();
    this.#become("offline");
    // Between half and the whole of the pause: pages that lost the shop
    // together do not come back together.
    this.#timer = setTimeout(() => this.#connect(), this.#pause * (0.5 + Math.random() / 2));
    this.#pause = Math.min(this.#pause * 2, LONGEST);
  }

  #drop() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #become(state) {
    if (this.state === state) return;
    this.state = state;
    this.since = Date.now();
    this.dispatchEvent(new Event("state"));
  }
}
