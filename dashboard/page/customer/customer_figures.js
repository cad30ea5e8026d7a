/** What a customer's value is made of, and where it stands. */

import { el } from "../core/dom.js";
import { pathTo } from "../core/route.js";
import { counted, decimal, money, plural, printable, share } from "../core/text.js";

/** spend / weeks x 52 x 10, with the numbers put in; on the basis of the snapshots. */
export function derivation(found) {
  const { standing } = found;
  const timeframe = standing?.basis === "timeframe";
  const weeks = standing ? standing.weeks : found.weeks;
  const part = (sign, value, label) =>
    el(
      "span",
      { class: "part" },
      el("span", { class: "amount" }, sign && el("span", { class: "sign" }, sign), value),
      el("span", { class: "of" }, label),
    );
  return el(
    "p",
    { class: "derivation" },
    part(null, `$${money(found.total_spend)}`, "spend"),
    part(
      "/ ",
      counted(weeks),
      timeframe ? "weeks of the time frame" : weeks === 1 ? "active week" : "active weeks",
    ),
    part("× ", "52", "weeks a year"),
    part("× ", "10", "years"),
    part("= ", `$${money(standing?.ltv ?? found.ltv)}`, "lifetime value"),
  );
}

/** The rank, and what would bring the next one. */
export function standingText(standing) {
  if (!standing) return el("p", {}, "There is no ranking yet.");
  const place =
    standing.rank === null ? "Not among the ranked customers" : `Rank ${counted(standing.rank)} now`;
  const ranked = `${place}. `;
  const { next } = standing;
  if (!next) return el("p", {}, ranked);
  const link = el(
    "a",
    { href: pathTo({ customer: next.customer_id }), "data-route": true },
    printable(next.customer_id),
  );
  const reached = next.more_spend === "0.00"; // The figures are newer than the snapshot.
  const more = reached ? "Its newest figures reach" : `$${money(next.more_spend)} more spend would bring`;
  return el(
    "p",
    {},
    el("strong", {}, ranked),
    `${more} rank ${counted(next.rank)}, which now has `,
    el("bdi", {}, link),
    ".",
  );
}

/** Orders, visits and weeks, and the visits' worth and pace: the columns for which a narrow ranking has no room. */
export function counts(found) {
  const { orders, visits, weeks, total_spend: spend, standing } = found;
  const pace = decimal(visits / Math.max(1, standing ? standing.weeks : weeks));
  const worth = visits ? ` $${share(spend, visits)} per visit, ${pace} visits per week.` : "";
  return el(
    "p",
    { class: "muted" },
    `${plural(orders, "order")}, ${plural(visits, "visit")}, active in ${plural(weeks, "week")}.${worth}`,
  );
}
