/**
 * Listeners that end together: `on(target, names, listener)` for each, then
 * `close()`.
 */
export function listening() {
  const end = new AbortController();
  return {
    on(target, names, listener) {
      for (const name of names.split(" ")) target.addEventListener(name, listener, { signal: end.signal });
    },
    close() {
      end.abort();
    },
  };
}
