// What stands above every view: where one is, who one is, how the line is.

import { h, mark, say } from "./dom.js";
import { icon } from "./icons.js";
import { choose, current, LANGUAGES, t } from "./i18n.js";
import { address } from "./router.js";
import * as theme from "./theme.js";

const THEME_ICONS = { auto: "auto", light: "sun", dark: "moon" };

export class Header {
  #skip = h("a", { class: "skip", href: "#main", onclick: (event) => this.#toMain(event) });
  #shop = h("a", { class: "tab" });
  #statement = h("a", { class: "tab" });
  #nav = h("nav", { class: "tabs" }, this.#shop, this.#statement);
  #name = h("span", { class: "customer-name" });
  #customer = h("a", { class: "customer quiet", href: address.choose }, icon("person"), this.#name);
  #line = h("span", { class: "line-text" });
  #pill = h("p", { class: "line", role: "status" }, h("span", { class: "line-dot", "aria-hidden": "true" }), this.#line);
  #language = h("button", { class: "quiet", type: "button", onclick: () => this.#speak() });
  #theme = h("button", { class: "quiet square", type: "button", onclick: () => this.#recolour() });
  #brand = h("a", { class: "brand", href: "#/" }, icon("parcel"), h("span", {}, "gozon"));

  /** `spoken` is called after the language has changed. */
  constructor(spoken) {
    this.spoken = spoken;
    this.root = h(
      "header",
      { class: "top" },
      this.#skip,
      h(
        "div",
        { class: "top-row" },
        this.#brand,
        this.#nav,
        h("div", { class: "top-tools" }, this.#pill, this.#customer, this.#language, this.#theme),
      ),
    );
  }

  /** Shows where one is; `user` and `state`, that of the line, may be `null`. */
  show(view, user, state) {
    say(this.#skip, t("skip"));
    mark(this.#nav, "aria-label", t("nav.label"));
    for (const [tab, name] of [[this.#shop, "shop"], [this.#statement, "statement"]]) {
      say(tab, t(`nav.${name}`));
      if (user !== null) tab.href = address[name](user);
      mark(tab, "aria-current", view === name ? "page" : null);
    }
    this.#nav.hidden = user === null;
    this.#customer.hidden = user === null;
    this.#pill.hidden = user === null;
    if (user !== null) {
      say(this.#name, user);
      mark(this.#customer, "aria-label", t("nav.customer", { user }));
      this.#brand.href = address.shop(user);
      this.line(state);
    }
    say(this.#language, t("settings.language"));
    mark(this.#language, "lang", other());
    this.#dressTheme();
  }

  /** Shows how the line is. */
  line(state) {
    say(this.#line, t(`line.${state}`));
    mark(this.#pill, "data-state", state);
  }

  #speak() {
    choose(other());
    this.spoken();
  }

  #recolour() {
    theme.turn();
    this.#dressTheme();
  }

  #dressTheme() {
    const now = theme.current();
    this.#theme.replaceChildren(icon(THEME_ICONS[now]));
    mark(this.#theme, "aria-label", t(`settings.theme.${now}`));
    mark(this.#theme, "title", t(`settings.theme.${now}`));
  }

  #toMain(event) {
    // The address behind `#` belongs to the router.
    event.preventDefault();
    document.getElementById("main").focus();
  }
}

function other() {
  return LANGUAGES.find((code) => code !== current());
}
