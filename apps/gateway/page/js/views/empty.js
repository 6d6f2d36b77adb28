import { h } from "../dom.js";
import { icon } from "../icons.js";

/** What stands where there is nothing to show. */
export function empty(picture, title, hint = null, action = null) {
  return h(
    "div",
    { class: "empty" },
    h("span", { class: "empty-picture" }, icon(picture)),
    h("p", { class: "empty-title" }, title),
    hint === null ? null : h("p", { class: "empty-hint" }, hint),
    action,
  );
}
