// What the browser keeps for us, where it keeps anything at all.

/** The text under `name`, or `null`. */
export function recall(name, storage = "localStorage") {
  try {
    return window[storage].getItem(`gozon.${name}`);
  } catch {
    return null;
  }
}

/** Keeps a text, or forgets it for `null`. */
export function keep(name, text, storage = "localStorage") {
  try {
    if (text === null) window[storage].removeItem(`gozon.${name}`);
    else window[storage].setItem(`gozon.${name}`, text);
  } catch {
    // Private windows may refuse; the page works without.
  }
}
