// What a few things cost, roughly, in whole major units: suggestions, which the
// customer may change.

const THINGS = { tea: 5, book: 15, teapot: 40, samovar: 250 };
const TOP_UPS = [10, 50, 100];
/** How many of a currency make about one euro, to the nearest round number. */
const WORTH = { AMD: 400, BYN: 4, CNY: 8, CZK: 25, GEL: 3, HUF: 400, INR: 100, JPY: 150, KGS: 100, KRW: 1500, KZT: 500, PLN: 4, RSD: 100, RUB: 100, SEK: 10, TRY: 40, UAH: 40, UZS: 10_000, VND: 25_000 };

/** Ideas as `[name, whole major units]`. */
export function ideas(currency) {
  return Object.entries(THINGS).map(([name, price]) => [name, price * (WORTH[currency] ?? 1)]);
}

/** Sums to put in, in whole major units. */
export function sums(currency) {
  return TOP_UPS.map((sum) => sum * (WORTH[currency] ?? 1));
}
