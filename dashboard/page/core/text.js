/** Figures and foreign text as the page shows them. */

const count = new Intl.NumberFormat("en-US");
const twoDecimals = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const short = new Intl.NumberFormat("en-US", { notation: "compact", maximumSignificantDigits: 3 });
const rate = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 3 });

export const NOTHING = "–";

/** A whole number with separators: 12345 -> "12,345". */
export const counted = (number) => count.format(number);

/** A number with two decimals. */
export const decimal = (number) => twoDecimals.format(number);

/** A number in little room: 1234567 -> "1.23M". */
export const compact = (number) => short.format(number);

/** A rate in little room: three digits at most, with separators. */
export const perTime = (number) => (number >= 1000 ? counted(Math.round(number)) : rate.format(number));

/** "1 week", "2 weeks". */
export const plural = (number, noun) => `${counted(number)} ${noun}${number === 1 ? "" : "s"}`;

/** Exact money as text with separators: "1234567.80" -> "1,234,567.80". The text is never made a float. */
export function money(text) {
  if (text === null) return NOTHING;
  const [whole, cents] = text.split(".");
  return `${whole.replace(/\B(?=(\d{3})+$)/g, ",")}.${cents}`;
}

/** Money's cents as an exact integer, for sorting. */
export const cents = (text) => (text === null ? -1n : BigInt(text.replace(".", "")));

/** Exact cents as money with separators: 123456n -> "1,234.56". */
export function moneyOf(exact) {
  const digits = String(exact).padStart(3, "0");
  return money(`${digits.slice(0, -2)}.${digits.slice(-2)}`);
}

/** Money divided by a whole number, to the cent as snapshots have it: a half goes to the even one. */
export function share(text, parts) {
  const [all, by] = [cents(text), BigInt(parts)];
  const rest = 2n * (all % by);
  const whole = all / by;
  return moneyOf(rest > by || (rest === by && whole % 2n === 1n) ? whole + 1n : whole);
}

/** A span of time in a unit that fits: 5 s, 3 min, 2 h, 4 days. */
export function span(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 120) return `${whole} s`;
  if (whole < 7200) return `${Math.floor(whole / 60)} min`;
  if (whole < 172_800) return `${Math.floor(whole / 3600)} h`;
  return plural(Math.floor(whole / 86_400), "day");
}

const clockTime = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const dayTime = new Intl.DateTimeFormat("en-GB", {
  year: "numeric",
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});

const dayMinute = new Intl.DateTimeFormat("en-GB", {
  year: "numeric",
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
});

/** Day and time to the minute. */
export const minuteOf = (iso) => dayMinute.format(new Date(iso));

/** A moment: the time today, or else day and time, of the reader's own zone. */
export function moment(iso, now = Date.now()) {
  const at = new Date(iso);
  return at.toDateString() === new Date(now).toDateString() ? clockTime.format(at) : dayTime.format(at);
}

// Characters that are invisible, break lines, or change the order of their neighbours.
const UNSEEN =
  /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0]/gu;

/** Foreign text, with characters that would not be seen, or would disturb others, as escapes. */
export const printable = (text) =>
  text.replace(UNSEEN, (character) => `\\u{${character.codePointAt(0).toString(16)}}`);

/** "partition 3", "partitions 1, 2 and 7 more". */
export function partitions(numbers) {
  const shown = numbers.slice(0, 4).join(", ");
  const more = numbers.length > 4 ? ` and ${numbers.length - 4} more` : "";
  return `partition${numbers.length === 1 ? "" : "s"} ${shown}${more}`;
}
