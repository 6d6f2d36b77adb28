// Short news in a corner: read aloud, gone by themselves, and never more than a
// few.

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { t } from "./i18n.js";

/** On a phone, news covers what one is doing. */
const SHOWN = matchMedia("(max-width: 560px)").matches ? 1 : 3;
const LIFE = 8_000;

export class Toasts {
  #list = h("ol", { class: "toast-list" });
  #more = h("p", { class: "toast-more" });
  #hidden = 0;

  constructor() {
    this.root = h("section", { class: "toasts", role: "status", "aria-live": "polite" }, this.#list, this.#more);
  }

  /** Shows news. `kind` is the status it tells of, `to` an address. */
  show({ kind, title, text, to }) {
    const toast = h(
      "li",
      { class: "toast", "data-status": kind },
      h("span", { class: "mark" }, icon(kind === "CANCELLED" ? "cross" : "check")),
      h("a", { class: "toast-text", href: to }, h("strong", {}, title), h("span", {}, text)),
      h(
        "button",
        { class: "quiet", type: "button", "aria-label": t("toast.dismiss"), onclick: () => this.#remove(toast) },
        icon("cross"),
      ),
    );
    let timer = setTimeout(() => this.#remove(toast), LIFE);
    // Who reads or is about to press is not hurried.
    const hold = () => clearTimeout(timer);
    const release = () => {
      clearTimeout(timer);
      timer = setTimeout(() => this.#remove(toast), LIFE);
    };
    toast.addEventListener("pointerenter", hold);
    toast.addEventListener("pointerleave", release);
    toast.addEventListener("focusin", hold);
    toast.addEventListener("focusout", release);
    this.#list.append(toast);
    while (this.#list.children.length > SHOWN) {
      this.#list.firstElementChild.remove();
      this.#hidden += 1;
    }
    this.#count();
  }

  clear() {
    this.#hidden = 0;
    this.#list.replaceChildren();
    this.#count();
  }

  #remove(toast) {
    toast.remove();
    if (this.#list.children.length === 0) this.#hidden = 0;
    this.#count();
  }

  #count() {
    this.#more.textContent = this.#hidden > 0 ? t("toast.more", { count: this.#hidden }) : "";
  }
}
