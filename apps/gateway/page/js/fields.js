// Labelled fields with a place for their error, reserved so that nothing jumps.

import { h, mark, say } from "./dom.js";
import { locale } from "./i18n.js";
import { digitsOf, parse, symbolOf } from "./money.js";
import { ofAmount } from "./problems.js";

let serial = 0;

/** A field. `suffix` stands behind what is typed, `hint` below. */
export function field({ name, label, hint = null, suffix = null, ...attributes }) {
  serial += 1;
  const id = `field-${serial}`;
  const error = h("p", { id: `${id}-error`, class: "field-error" });
  const described = hint === null ? `${id}-error` : `${id}-hint ${id}-error`;
  const input = h("input", { id, name, autocomplete: "off", "aria-describedby": described, ...attributes });
  const root = h(
    "div",
    { class: "field" },
    h("label", { for: id }, label),
    h("div", { class: "field-box" }, input, suffix === null ? null : h("span", { class: "field-suffix", "aria-hidden": "true" }, suffix)),
    hint === null ? null : h("p", { id: `${id}-hint`, class: "field-hint" }, hint),
    error,
  );
  return {
    name,
    root,
    input,
    fail(text) {
      mark(input, "aria-invalid", "true");
      say(error, text);
    },
    clear() {
      mark(input, "aria-invalid", null);
      say(error, "");
    },
  };
}

/** A field for an amount in major units. */
export function moneyField({ name, label, currency }) {
  const digits = digitsOf(currency);
  const base = field({
    name,
    label,
    // A screen reader hears which money it is; the sign is for the eye.
    "aria-label": `${label}, ${currency}`,
    suffix: symbolOf(currency, locale()),
    inputmode: digits === 0 ? "numeric" : "decimal",
  });
  return {
    ...base,
    /** The amount as it stands, or `null`; says nothing. */
    peek() {
      return parse(base.input.value, currency, locale()).minor ?? null;
    },
    /** The amount in minor units; `null` after saying what is wrong. */
    read() {
      const { minor, error } = parse(base.input.value, currency, locale());
      if (error !== undefined) base.fail(ofAmount(error, currency, digits));
      return minor ?? null;
    },
  };
}
