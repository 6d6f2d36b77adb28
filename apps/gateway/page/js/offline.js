// The bar that says that what one sees may be out of date.

import { h, say } from "./dom.js";
import { instant, t } from "./i18n.js";

export class OfflineBar {
  #text = h("p", {});
  #retry = h("button", { class: "button", type: "button" });

  constructor(retry) {
    this.#retry.addEventListener("click", retry);
    this.root = h("section", { class: "offline", role: "status", hidden: true }, this.#text, this.#retry);
  }

  /** Shows itself while `socket` is offline; `null` for nobody's. */
  show(socket) {
    const lost = socket?.state === "offline";
    this.root.hidden = !lost;
    if (!lost) return;
    say(this.#text, t("line.lost", { time: instant(socket.since).slice(0, 8) }));
    say(this.#retry, t("line.retry"));
  }
}
