// Money in integers. What people type and read is the currency's major unit;
// what travels is the minor unit. In between there are digits and BigInt, and
// never a fraction that the computer rounds.

// ISO 4217, all that do not have two digits. Not asked of the browser: its
// tables are about how people write cash, and differ from the standard.
const DIGITS = new Map([
  ...["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"].map((code) => [code, 0]),
  ...["RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"].map((code) => [code, 0]),
  ...["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"].map((code) => [code, 3]),
  ...["CLF", "UYW"].map((code) => [code, 4]),
]);

/** How many digits the minor unit has: 2 for EUR, 0 for JPY, 3 for KWD. */
export function digitsOf(currency) {
  return DIGITS.get(currency) ?? 2;
}

/** Minor units as digits with a point: 2490 of EUR is "24.90". */
export function decimal(minor, currency) {
  const digits = digitsOf(currency);
  const value = BigInt(minor);
  const sign = value < 0n ? "-" : "";
  const text = String(value < 0n ? -value : value).padStart(digits + 1, "0");
  if (digits === 0) return sign + text;
  return `${sign}${text.slice(0, -digits)}.${text.slice(-digits)}`;
}

/** As people read it, with the currency: "€24.90", "24,90 €"; whole ones also as "€25". */
export function format(minor, currency, locale, { plus = false, whole = false } = {}) {
  const value = BigInt(minor);
  const [major, fraction = ""] = decimal(value < 0n ? -value : value, currency).split(".");
  const digits = whole && /^0*$/.test(fraction) ? 0 : digitsOf(currency);
  const formatter = new Intl.NumberFormat(locale, {
    style: "currency",
    currency,
    currencyDisplay: "narrowSymbol",
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  // The browser knows where the symbol and the separators stand; the digits
  // behind the separator are ours.
  const text = formatter
    .formatToParts(BigInt(major))
    .map((part) => (part.type === "fraction" ? fraction : part.value))
    .join("");
  if (value < 0n) return `\u2212${text}`;
  return plus && value > 0n ? `+${text}` : text;
}

/** The currency's sign alone: "€". */
export function symbolOf(currency, locale) {
  const formatter = new Intl.NumberFormat(locale, { style: "currency", currency, currencyDisplay: "narrowSymbol" });
  return formatter.formatToParts(0n).find((part) => part.type === "currency")?.value ?? currency;
}

/** The locale's sign of this kind: `"decimal"` before the minor unit, `"group"` between thousands. */
function signOf(kind, locale) {
  const parts = new Intl.NumberFormat(locale, { minimumFractionDigits: 1 }).formatToParts(1234567n);
  return parts.find((part) => part.type === kind)?.value;
}

/** Minor units as they would be typed into a field: "24.90", "24,90", "1000". */
export function typed(minor, currency, locale) {
  const [major, fraction] = decimal(minor, currency).split(".");
  return fraction === undefined || /^0+$/.test(fraction) ? major : `${major}${signOf("decimal", locale) ?? "."}${fraction}`;
}

/**
 * What somebody typed, as `{ minor }`, a BigInt, or `{ error }`: `"empty"`,
 * `"unreadable"` or `"digits"` (more behind the separator than the currency has).
 *
 * Either of `.` and `,` may separate the minor unit, as keyboards have one or
 * the other. Where one of them groups thousands in the reader's own language,
 * it does so here: "1,234" is one thousand and more in English, in Russian one
 * and a part. Spaces and apostrophes always group.
 */
export function parse(text, currency, locale) {
  const compact = text.replace(/[\s'\u2019]/g, "").replace(/^\u2212/, "-");
  if (compact === "") return { error: "empty" };
  const match = grouped(compact, locale) ?? /^(-?)(\d*)(?:[.,](\d*))?$/.exec(compact);
  if (match === null) return { error: "unreadable" };
  const [, sign, majors, fraction = ""] = match;
  if (majors === "" && fraction === "") return { error: "unreadable" };
  const digits = digitsOf(currency);
  if (fraction.length > digits) return { error: "digits" };
  return { minor: BigInt(sign + majors.replace(/[.,]/g, "") + fraction.padEnd(digits, "0")) };
}

function grouped(text, locale) {
  const group = signOf("group", locale);
  if (group !== "," && group !== ".") return null;
  const decimal = group === "," ? "\\." : ",";
  return new RegExp(`^(-?)(\\d{1,3}(?:[${group}]\\d{3})+)(?:${decimal}(\\d*))?$`).exec(text);
}
