import { h } from "../dom.js";
import { t } from "../i18n.js";
import { empty } from "./empty.js";

/** An address that leads nowhere. */
export function missing() {
  const home = h("a", { class: "button", href: "#/" }, t("missing.home"));
  const root = h("div", { class: "narrow" }, h("h1", { tabindex: "-1" }, t("title.missing")), empty("bag", t("missing.lead"), null, home));
  return { title: t("title.missing"), root, close() {} };
}
