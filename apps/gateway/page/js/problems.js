// What went wrong, in the reader's words, and beside which field it belongs.

import { Refused, Unreachable } from "./api.js";
import { has, locale, t } from "./i18n.js";
import { format } from "./money.js";

/** What one request may move, by the shop's contract. */
const LEAST = 1n;
const MOST = 1_000_000_000_000n;

/** `{ fields: { name: text }, general: text | null }`. */
export function explain(error, currency) {
  if (error instanceof Unreachable) return general(t("error.unreachable"));
  if (!(error instanceof Refused)) {
    console.error(error);
    return general(t("error.unexpected"));
  }
  const { code, detail, title, errors = [], trace_id: trace } = error.problem;
  const fields = {};
  for (const { pointer, detail: reason } of errors) {
    if (pointer) fields[pointer.slice(1)] = ofField(pointer, currency) ?? reason;
  }
  if (Object.keys(fields).length > 0) return { fields, general: null };
  if (code === "balance_limit_exceeded") return { fields: { amount: t(`error.${code}`) }, general: null };
  if (has(`error.${code}`)) return general(t(`error.${code}`));
  if (error.status >= 500) return general(traced(t("error.unavailable"), trace));
  return general(traced(t("error.refused", { detail: detail ?? title ?? error.status }), trace));
}

/** What was typed and is no amount. */
export function ofAmount(reason, currency, digits) {
  if (reason === "digits") return digits === 0 ? t("error.amount.whole") : t("error.amount.digits", { count: digits });
  if (reason === "empty") return t("error.amount.empty");
  return t("error.amount.unreadable", { example: format(2490n, currency, locale()) });
}

function ofField(pointer, currency) {
  if (pointer === "/description") return t("error.description.length");
  if (pointer !== "/amount" || currency === null) return undefined;
  return t("error.amount.range", { least: format(LEAST, currency, locale()), most: format(MOST, currency, locale()) });
}

function general(text) {
  return { fields: {}, general: text };
}

function traced(text, trace) {
  return trace === undefined ? text : `${text} ${t("error.trace", { id: trace })}`;
}
