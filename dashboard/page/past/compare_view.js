/** Who came, went and moved between an earlier snapshot and the one that is shown. */

import { numberedSnapshot, stretch } from "../core/api.js";
import { el } from "../core/dom.js";
import { drawMove } from "../ranking/movement.js";
import { goTo, pathTo } from "../core/route.js";
import { cents, counted, moment, moneyOf, NOTHING, plural, printable } from "../core/text.js";

const BACK = [
  ["15 minutes", 900],
  ["an hour", 3_600],
  ["6 hours", 21_600],
  ["a day", 86_400],
  ["a week", 604_800],
];
const SPREAD = 100; // The first of so many, evenly spread, is nearly the oldest.

/**
 * Compare two rankings.
 * @returns {{came: object[], went: object[], moved: object[], stayed: number}} Of {row, was}; the greatest moves first.
 */
export function compared(earlier, now) {
  const before = new Map(earlier.rows.map((row) => [row.customer_id, row]));
  const pairs = now.rows.map((row) => ({ row, was: before.get(row.customer_id) ?? null }));
  const here = new Set(now.rows.map((row) => row.customer_id));
  const by = ({ row, was }) => Math.abs(was.rank - row.rank);
  const moved = pairs.filter(({ row, was }) => was && was.rank !== row.rank).sort((a, b) => by(b) - by(a));
  const came = pairs.filter(({ was }) => was === null);
  const went = earlier.rows.filter((row) => !here.has(row.customer_id)).map((was) => ({ row: null, was }));
  return { came, went, moved, stayed: pairs.length - came.length - moved.length };
}

export class CompareView {
  constructor(route) {
    this.route = route;
    this.about = el("p", { class: "muted" });
    this.body = el("div", {});
    this.pick = el(
      "select",
      { "aria-label": "Compare with", onchange: () => this.picked() },
      ...BACK.map(([label, seconds]) => el("option", { value: seconds }, `${label} ago`)),
    );
    this.close = el("a", { class: "close", "data-route": true }, "Close");
    const head = el("div", { class: "side-head" }, el("h2", {}, "Compared with "), this.pick, this.close);
    this.element = el("div", { class: "compare" }, head, this.about, this.body);
  }

  picked() {
    goTo(pathTo({ sequence: this.route().sequence, compare: Number(this.pick.value) }), { replace: true });
  }

  /** @param {object} shown The snapshot on the page. */
  async draw(shown) {
    const { compare, sequence } = this.route();
    this.pick.value = compare;
    this.close.href = pathTo({ sequence });
    const wanted = `${compare} ${sequence}`; // A live page keeps the earlier one that it has.
    this.shown = shown;
    if (this.wanted !== wanted) {
      this.wanted = wanted;
      this.earlier = null;
      this.body.replaceChildren();
      this.about.textContent = "Looking for the earlier snapshot …";
      try {
        const found = await earlierSnapshot(shown, compare);
        if (this.wanted === wanted) this.earlier = found;
      } catch (error) {
        this.wanted = null;
        this.about.textContent = `There is nothing to compare with: ${error.message}.`;
      }
    }
    if (this.earlier) this.fill();
  }

  fill() {
    const { earlier, shown } = this;
    const { came, went, moved, stayed } = compared(earlier.snapshot, shown);
    const note = earlier.isOldest ? "The history does not reach further back. " : "";
    const then = `Then: ${moment(earlier.snapshot.emitted_at)}, snapshot ${counted(earlier.snapshot.sequence)}. `;
    this.about.textContent = `${note}${then}${plural(stayed, "customer")} kept the rank.`;
    const groups = [
      ["Came", came],
      ["Went", went],
      ["Moved", moved],
    ];
    const columns = ["Customer", "Then", "Now", "Move", "LTV gained"];
    const head = el("thead", {}, el("tr", {}, ...columns.map((each) => el("th", { scope: "col" }, each))));
    this.body.replaceChildren(
      el("table", { class: "list" }, head, ...groups.map(([label, pairs]) => this.group(label, pairs))),
    );
  }

  group(label, pairs) {
    const heading = el("th", { scope: "rowgroup", colspan: 5 }, `${label} (${counted(pairs.length)})`);
    return el("tbody", {}, el("tr", { class: "group" }, heading), ...pairs.map((pair) => this.line(pair)));
  }

  line({ row, was }) {
    const { customer_id, last_name } = row ?? was;
    const link = el(
      "a",
      { href: pathTo({ customer: customer_id, sequence: this.route().sequence }), "data-route": true },
      printable(customer_id),
    );
    const name = last_name === null ? [] : [" ", el("bdi", { class: "muted" }, printable(last_name))];
    const move = el("td", {});
    if (row && was) drawMove(move, { previous_rank: was.rank, rank: row.rank }, true);
    const gained = row && was ? signed(cents(row.ltv) - cents(was.ltv)) : NOTHING;
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, el("bdi", {}, link), ...name),
      el("td", {}, was ? counted(was.rank) : NOTHING),
      el("td", {}, row ? counted(row.rank) : NOTHING),
      move,
      el("td", {}, gained),
    );
  }
}

function signed(amount) {
  const text = moneyOf(amount < 0n ? -amount : amount);
  return amount === 0n ? text : `${amount < 0n ? "−" : "+"}${text}`;
}

async function earlierSnapshot(shown, seconds) {
  const until = new Date(Date.parse(shown.emitted_at) - seconds * 1000).toISOString();
  let [found] = (await stretch({ until, limit: 1 })).snapshots;
  const isOldest = found === undefined;
  if (isOldest) [found] = (await stretch({ until: shown.sequence, limit: SPREAD })).snapshots;
  if (!found) throw new Error("the topic has no earlier snapshot");
  return { snapshot: await numberedSnapshot(found.sequence, found.emitted_at), isOldest };
}
