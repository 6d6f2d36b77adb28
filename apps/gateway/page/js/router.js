// The address behind `#` says who shops and what is shown, so that every tab
// has its own customer and every view its own link.

import { VALID } from "./names.js";

/** `{ view, user?, id? }` for an address such as `#/u/anna/orders/…`. */
export function route(hash) {
  const parts = hash.replace(/^#\/?/, "").split("/").map(decoded);
  const [place, user, what, id] = parts;
  if (parts.length === 1 && place === "") return { view: "home" };
  if (parts.length === 1 && place === "choose") return { view: "choose" };
  if (place !== "u" || !VALID.test(user ?? "")) return { view: "missing" };
  if (parts.length === 2) return { view: "shop", user };
  if (parts.length === 3 && what === "statement") return { view: "statement", user };
  if (parts.length === 4 && what === "orders" && id !== "") return { view: "order", user, id };
  return { view: "missing", user };
}

export const address = {
  choose: "#/choose",
  shop: (user) => `#/u/${user}`,
  statement: (user) => `#/u/${user}/statement`,
  order: (user, id) => `#/u/${user}/orders/${encodeURIComponent(id)}`,
};

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
