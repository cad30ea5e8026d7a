/** The ranking with what stands around it: title, totals, find, how many rows, exports. */

import { byId, el, setText } from "../core/dom.js";
import { compact, counted, moment, money, plural, printable } from "../core/text.js";
import { goTo, pathTo } from "../core/route.js";
import { RankingTable } from "./ranking_table.js";

const CHOICES = [10, 25, 50, 100, 250, 500];
const MOST_AT_FIRST = 250;
const AT_FIRST = 100;
const MOST_ON_WALL = 20;
const LEAST_ON_WALL = 8;

export class RankingView {
  /** @param {() => import("../core/route.js").Route} route */
  constructor(route) {
    this.route = route;
    this.table = new RankingTable(byId("table"), (customer) => this.open(customer));
    this.search = byId("find-text");
    this.top = byId("top");
    this.search.addEventListener("input", () => this.redraw());
    this.top.addEventListener("change", () => this.redraw());
    byId("find").addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
  }

  open(customer) {
    goTo(pathTo({ customer, sequence: this.route().sequence }));
  }

  /** Open the one customer that was found, or the one with exactly this id, ranked or not. */
  submit() {
    const text = this.search.value.trim();
    if (!text || !this.snapshot) return;
    const exact = this.snapshot.rows.find((row) => row.customer_id === text);
    const found = this.found(this.snapshot.rows);
    this.open(exact || found.length !== 1 ? text : found[0].customer_id);
  }

  found(rows) {
    const text = this.search.value.trim().toLowerCase();
    if (!text) return rows;
    return rows.filter(
      (row) => row.customer_id.toLowerCase().includes(text) || row.last_name?.toLowerCase().includes(text),
    );
  }

  redraw() {
    if (this.snapshot) this.draw(this.snapshot);
  }

  /** @param {object} snapshot */
  draw(snapshot) {
    this.snapshot = snapshot;
    const { customer, sequence } = this.route();
    this.drawHead(snapshot, sequence);
    this.offer(snapshot.x);
    const isWall = "wall" in document.documentElement.dataset;
    if (isWall)
      byId("table").style.setProperty(
        "--rows",
        Math.min(MOST_ON_WALL, Math.max(LEAST_ON_WALL, snapshot.rows.length)),
      );
    const most = isWall ? MOST_ON_WALL : Number(this.top.value);
    const found = this.found(snapshot.rows);
    this.table.draw(snapshot, { rows: found.slice(0, most || found.length), open: customer, sequence });
    this.drawNote(snapshot, found.length);
  }

  drawHead(snapshot, sequence) {
    const title =
      sequence === null
        ? `Top ${counted(snapshot.x)} customers by lifetime value`
        : `Snapshot ${counted(snapshot.sequence)}`;
    setText(byId("ranking-title"), title);
    document.title =
      sequence === null ? `Top ${counted(snapshot.x)} · ltv` : `Snapshot ${snapshot.sequence} · ltv`;
    const { events, customers, orders, revenue, dead_letters } = snapshot.totals;
    drawTotals([
      ["Events", compact(events), counted(events)],
      ["Customers", compact(customers), counted(customers)],
      ["Orders", compact(orders), counted(orders)],
      ["Revenue", `$${compact(Number(revenue))}`, `$${money(revenue)}`],
      ["Dead letters", compact(dead_letters), counted(dead_letters)],
    ]);
    byId("csv").href = `/api/snapshots/${snapshot.sequence}.csv`;
    byId("json").href = `/api/snapshots/${snapshot.sequence}`;
    const about = `Snapshot ${counted(snapshot.sequence)}, emitted ${moment(snapshot.emitted_at)}`;
    byId("csv").title = `${about}, as CSV`;
    byId("json").title = `${about}, as JSON`;
  }

  /** Offer the numbers of rows that make a difference. */
  offer(x) {
    if (this.offered === x) return;
    this.offered = x;
    const kept = this.top.value || (x > MOST_AT_FIRST ? String(AT_FIRST) : "");
    const options = CHOICES.filter((choice) => choice < x).map((choice) =>
      el("option", { value: choice }, `top ${choice}`),
    );
    this.top.replaceChildren(el("option", { value: "" }, `all ${counted(x)}`), ...options);
    if ([...this.top.options].some((option) => option.value === kept)) this.top.value = kept;
    this.top.closest("label").hidden = options.length === 0;
  }

  drawNote(snapshot, found) {
    const note = byId("note");
    const text = this.search.value.trim();
    note.hidden = found > 0;
    if (found > 0) note.replaceChildren();
    else if (!text) note.replaceChildren("No customer has been counted yet.");
    else {
      const link = el(
        "a",
        { href: pathTo({ customer: text }), "data-route": true },
        "Look up the customer with this id",
      );
      const where = `Nobody among these ${plural(snapshot.rows.length, "customer")} matches “${printable(text)}”. `;
      note.replaceChildren(where, link);
    }
  }
}

function drawTotals(items) {
  const list = byId("totals");
  if (!list.children.length)
    list.append(...items.map(([label]) => el("div", {}, el("dt", {}, label), el("dd", {}))));
  items.forEach(([, short, whole], index) => {
    const value = list.children[index].lastElementChild;
    setText(value, short);
    value.title = whole;
  });
}
