// Light, dark, or as the device has it.

import { keep, recall } from "./memory.js";

const THEMES = ["auto", "light", "dark"];

export function current() {
  const kept = recall("theme");
  return THEMES.includes(kept) ? kept : "auto";
}

/** Goes on to the next one. */
export function turn() {
  const next = THEMES[(THEMES.indexOf(current()) + 1) % THEMES.length];
  keep("theme", next === "auto" ? null : next);
  if (next === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
}
