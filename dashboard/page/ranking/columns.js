/** The columns of the ranking: what each shows, and what it sorts by. */

import { cents, counted, decimal, money, NOTHING, printable } from "../core/text.js";
import { moveOf } from "./movement.js";

const text = (value) => (value === null ? NOTHING : printable(value));

/**
 * In the order of the page. `first` is the direction of the first click: the best or the first on top.
 * @type {{key: string, label: string, about: string, first: 1 | -1, by: (row: object) => unknown,
 *   text?: (row: object) => string}[]}
 */
export const COLUMNS = [
  {
    key: "rank",
    label: "Rank",
    about: "1 is the most valuable customer",
    first: 1,
    by: (r) => r.rank,
    text: (r) => counted(r.rank),
  },
  {
    key: "move",
    label: "Move",
    about: "Ranks gained or lost since the previous snapshot",
    first: -1,
    by: (r) => moveOf(r).order,
  },
  {
    key: "customer",
    label: "Customer",
    about: "The customer's id",
    first: 1,
    by: (r) => r.customer_id,
    text: (r) => printable(r.customer_id),
  },
  {
    key: "name",
    label: "Name",
    about: "The newest known last name",
    first: 1,
    by: (r) => r.last_name ?? "\uffff",
    text: (r) => text(r.last_name),
  },
  {
    key: "ltv",
    label: "LTV",
    about: "Lifetime value in US dollars: spend / weeks × 52 × 10",
    first: -1,
    by: (r) => cents(r.ltv),
    text: (r) => money(r.ltv),
  },
  {
    key: "spend",
    label: "Spend",
    about: "Sum of all orders in US dollars",
    first: -1,
    by: (r) => cents(r.total_spend),
    text: (r) => money(r.total_spend),
  },
  {
    key: "weeks",
    label: "Weeks",
    about: "Weeks in which the customer was active",
    first: -1,
    by: (r) => r.weeks,
    text: (r) => counted(r.weeks),
  },
  {
    key: "orders",
    label: "Orders",
    about: "Number of orders",
    first: -1,
    by: (r) => r.orders,
    text: (r) => counted(r.orders),
  },
  {
    key: "visits",
    label: "Visits",
    about: "Number of site visits",
    first: -1,
    by: (r) => r.visits,
    text: (r) => counted(r.visits),
  },
  {
    key: "pervisit",
    label: "Per visit",
    about: "Spend per visit in US dollars",
    first: -1,
    by: (r) => cents(r.revenue_per_visit),
    text: (r) => money(r.revenue_per_visit),
  },
  {
    key: "perweek",
    label: "Per week",
    about: "Visits per week",
    first: -1,
    by: (r) => r.visits_per_week,
    text: (r) => decimal(r.visits_per_week),
  },
];

/** The rows in the order of a column; equal ones by rank. */
export function sorted(rows, { key, direction }) {
  const { by } = COLUMNS.find((column) => column.key === key);
  if (key === "rank") return direction === 1 ? rows : [...rows].reverse();
  const keyed = rows.map((row) => [by(row), row]);
  keyed.sort(([a, x], [b, y]) => (a < b ? -direction : a > b ? direction : x.rank - y.rank));
  return keyed.map(([, row]) => row);
}
