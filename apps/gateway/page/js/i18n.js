// The page's language, and everything that depends on it.

import { keep, recall } from "./memory.js";
import en from "./words/en.js";
import ru from "./words/ru.js";

export const WORDS = { en, ru };
export const LANGUAGES = Object.keys(WORDS);

let language = "en";

/** Takes the language that was chosen before, else the browser's. */
export function start() {
  const wanted = [recall("language"), ...navigator.languages.map((tag) => tag.slice(0, 2))];
  use(wanted.find((code) => LANGUAGES.includes(code)) ?? "en");
}

/** Takes this language and remembers it. */
export function choose(code) {
  keep("language", code);
  use(code);
}

function use(code) {
  language = code;
  document.documentElement.lang = code;
}

export function current() {
  return language;
}

/** For dates and numbers: the browser's own kind of this language, if it has one. */
export function locale() {
  return navigator.languages.find((tag) => tag.slice(0, 2) === language) ?? language;
}

/**
 * The text under `key`, with `{name}` replaced by values. A text in several
 * forms is chosen by `values.count`.
 */
export function t(key, values = {}) {
  const word = WORDS[language][key] ?? WORDS.en[key];
  if (word === undefined) throw new Error(`no words for ${key}`);
  const form = typeof word === "string" ? word : word[new Intl.PluralRules(language).select(values.count)] ?? word.other;
  return form.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/** Whether there are words for `key`. */
export function has(key) {
  return WORDS.en[key] !== undefined;
}

/** "14:03", or with the day where that is not today. */
export function moment(time) {
  const date = new Date(time);
  const today = date.toDateString() === new Date().toDateString();
  const day = today ? {} : { day: "numeric", month: "short" };
  return new Intl.DateTimeFormat(locale(), { ...day, hour: "2-digit", minute: "2-digit" }).format(date);
}

/** "14:03:12.345". */
export function instant(time) {
  const parts = { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23" };
  return new Intl.DateTimeFormat(locale(), parts).format(new Date(time));
}

/** Day, month, year and time. */
export function full(time) {
  return new Intl.DateTimeFormat(locale(), { dateStyle: "long", timeStyle: "medium" }).format(new Date(time));
}
