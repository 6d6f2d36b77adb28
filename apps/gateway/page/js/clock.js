// Times as the shop writes them, to the microsecond, which `Date` cannot hold.

/** Microseconds since 1970 of an RFC 3339 time in UTC. */
export function micros(time) {
  const [, seconds, fraction = ""] = /^(.*?)(?:\.(\d+))?Z$/.exec(time);
  return BigInt(Date.parse(`${seconds}Z`)) * 1000n + BigInt(fraction.slice(0, 6).padEnd(6, "0"));
}

/** A length of time for people: "4.1 ms", "1.25 s", "3 min". */
export function span(microseconds, locale) {
  const negative = microseconds < 0n;
  const length = Number(negative ? -microseconds : microseconds);
  const [value, unit, digits] =
    length < 1e6 ? [length / 1e3, "millisecond", length < 1e5 ? 1 : 0] : length < 6e7 ? [length / 1e6, "second", 2] : [length / 6e7, "minute", 0];
  const format = new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: digits, minimumFractionDigits: digits });
  return (negative ? "\u2212" : "") + format.format(value);
}
