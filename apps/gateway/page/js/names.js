// Names for people who have not chosen one.

const MOODS = ["amber", "brave", "bright", "calm", "clever", "fresh", "gentle", "golden", "happy", "kind", "lucky", "merry", "quick", "quiet", "silver", "sunny"];
const BIRDS = ["crane", "finch", "goose", "heron", "jay", "kite", "lark", "magpie", "martin", "owl", "raven", "robin", "starling", "stork", "swan", "wren"];
// Without letters and digits that look alike.
const SIGNS = "23456789abcdefghjkmnpqrstuvwxyz";

/** What the shop accepts as a customer's id. */
export const VALID = /^[A-Za-z0-9._-]{1,64}$/;

/** Random text that works on pages without TLS too, unlike `randomUUID`. */
export function random(length) {
  const bytes = crypto.getRandomValues(new Uint8Array(length));
  return Array.from(bytes, (byte) => SIGNS[byte % SIGNS.length]).join("");
}

/** A fresh id, such as `calm-heron-k3f9x2`. */
export function fresh() {
  const [mood, bird] = crypto.getRandomValues(new Uint8Array(2));
  return `${MOODS[mood % MOODS.length]}-${BIRDS[bird % BIRDS.length]}-${random(6)}`;
}
