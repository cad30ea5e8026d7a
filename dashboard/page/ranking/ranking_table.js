/** The table: one element per customer, kept from snapshot to snapshot; only what has changed is written. */

import { el, setText } from "../core/dom.js";
import { money, printable } from "../core/text.js";
import { pathTo } from "../core/route.js";
import { COLUMNS, sorted } from "./columns.js";
import { drawMove, glide, tellsMoves } from "./movement.js";

const MOST_GLIDING = 60;

export class RankingTable {
  /** @param {HTMLTableElement} table @param {(customerId: string) => void} open */
  constructor(table, open) {
    this.body = table.tBodies[0];
    this.sort = { key: "rank", direction: 1 };
    this.entries = new Map(); // Customer id -> its row's elements.
    this.order = [];
    this.headings = COLUMNS.map((column) => this.heading(column));
    table.tHead.append(el("tr", {}, ...this.headings));
    table.addEventListener("click", (event) => this.clicked(event, open));
    table.addEventListener("keydown", moveFocus);
    this.markSort();
  }

  heading(column) {
    const sortBy = () => {
      const again = this.sort.key === column.key;
      this.sort = { key: column.key, direction: again ? -this.sort.direction : column.first };
      this.markSort();
      if (this.drawn) this.draw(...this.drawn);
    };
    const button = el("button", { type: "button", title: column.about, onclick: sortBy }, column.label);
    const isFigure = column.first === -1 && column.key !== "move";
    return el("th", { scope: "col", "data-column": column.key, "data-figure": isFigure }, button);
  }

  markSort() {
    COLUMNS.forEach(({ key }, index) => {
      const ways = { 1: "ascending", "-1": "descending" };
      if (key === this.sort.key) this.headings[index].setAttribute("aria-sort", ways[this.sort.direction]);
      else this.headings[index].removeAttribute("aria-sort");
    });
  }

  /**
   * Draw a snapshot's rows.
   * @param {object} snapshot
   * @param {{rows: object[], open: string | null, sequence: number | null}} what The rows that are wanted; the open
   *   customer; the past snapshot that links should stay at.
   */
  draw(snapshot, what) {
    this.drawn = [snapshot, what];
    const knowsMoves = tellsMoves(snapshot);
    const rows = sorted(what.rows, this.sort);
    const focused = document.activeElement;
    const before = new Map(this.order.map((id, index) => [id, index]));
    this.removeOthers(new Set(rows.map((row) => row.customer_id)));
    let place = this.body.firstElementChild;
    for (const row of rows) {
      const entry = this.entries.get(row.customer_id) ?? this.newEntry(row);
      fill(entry, row, knowsMoves, what);
      if (entry.tr === place) place = place.nextElementSibling;
      else this.body.insertBefore(entry.tr, place);
    }
    this.order = rows.map((row) => row.customer_id);
    this.fitColumns();
    // An element that is put elsewhere loses the focus.
    if (focused !== document.activeElement && this.body.contains(focused))
      focused.focus({ preventScroll: true });
    this.animate(before);
  }

  /** Make columns of figures as wide as their longest one: no figure is ever cut. */
  fitColumns() {
    COLUMNS.forEach(({ label }, index) => {
      if (!this.headings[index].hasAttribute("data-figure")) return;
      let longest = label.length + 1;
      for (const { cells } of this.entries.values())
        longest = Math.max(longest, cells[index].firstChild.length);
      const { style } = this.headings[index];
      if (style.getPropertyValue("--longest") !== String(longest)) style.setProperty("--longest", longest);
    });
  }

  removeOthers(wanted) {
    for (const [id, { tr }] of this.entries) {
      if (wanted.has(id)) continue;
      tr.remove();
      this.entries.delete(id);
    }
  }

  newEntry(row) {
    const link = el("a", { "data-route": true });
    const cells = COLUMNS.map(({ key }) =>
      key === "customer"
        ? el("th", { scope: "row", "data-column": key }, el("bdi", {}, link))
        : el("td", { "data-column": key }),
    );
    const entry = { tr: el("tr", { "data-customer": row.customer_id }, ...cells), cells, link, was: null };
    this.entries.set(row.customer_id, entry);
    return entry;
  }

  animate(before) {
    const first = this.body.firstElementChild;
    if (!first || before.size === 0) return;
    const moved = [];
    this.order.forEach((id, to) => {
      const from = before.get(id);
      if (from !== undefined && from !== to) moved.push({ tr: this.entries.get(id).tr, from, to });
    });
    if (!moved.length) return;
    const { top, height } = first.getBoundingClientRect();
    const firstSeen = Math.floor(-top / height);
    const lastSeen = firstSeen + Math.ceil(innerHeight / height);
    const seen = moved.filter(({ to }) => to >= firstSeen && to <= lastSeen);
    glide(seen.slice(0, MOST_GLIDING), height);
  }

  clicked(event, open) {
    if (event.target.closest("a, button") || getSelection()?.toString()) return;
    const id = event.target.closest("tr[data-customer]")?.dataset.customer;
    if (id !== undefined) open(id);
  }
}

function fill(entry, row, knowsMoves, { open, sequence }) {
  const isOpen = row.customer_id === open;
  if (entry.isOpen !== isOpen) {
    entry.tr.toggleAttribute("data-open", isOpen);
    if (isOpen) entry.link.setAttribute("aria-current", "true");
    else entry.link.removeAttribute("aria-current");
    entry.isOpen = isOpen;
  }
  if (entry.sequence !== sequence || !entry.link.hasAttribute("href"))
    entry.link.href = pathTo({ customer: row.customer_id, sequence });
  entry.sequence = sequence;
  COLUMNS.forEach(({ key, text }, index) => {
    if (key === "move") drawMove(entry.cells[index], row, knowsMoves);
    else if (key === "customer") fillName(entry.link, row, text(row));
    else setText(entry.cells[index], text(row));
    if (key === "ltv") note(entry.cells[index], "spend", money(row.total_spend));
  });
}

function fillName(link, row, id) {
  setText(link, id);
  note(link, "name", row.last_name === null ? "" : printable(row.last_name));
}

/** What the style sheet shows below a cell's text, where there is no room for a column. */
function note(element, name, text) {
  if (element.dataset[name] !== text) element.dataset[name] = text;
}

/** The arrow keys go from customer to customer. */
function moveFocus(event) {
  const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
  const next = step && event.target.closest("tbody tr")?.[step]?.querySelector("a");
  if (!next) return;
  event.preventDefault();
  next.focus();
}
