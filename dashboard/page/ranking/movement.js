/** How a row moved since the previous snapshot: an arrow, a number, a word; never by colour alone. */

import { el, svg } from "../core/dom.js";
import { counted } from "../core/text.js";

const SHAPES = { up: "M5 1 9 8H1z", down: "M5 9 1 2h8z" };

/** @returns {{kind: "new" | "up" | "down" | "same", by: number, order: number}} order: the greatest rise is highest. */
export function moveOf(row) {
  if (row.previous_rank === null) return { kind: "new", by: 0, order: Number.MAX_SAFE_INTEGER };
  const by = row.previous_rank - row.rank;
  return { kind: by > 0 ? "up" : by < 0 ? "down" : "same", by: Math.abs(by), order: by };
}

/** Whether a snapshot can tell of moves: in the first of a series, all rows would be new. */
export const tellsMoves = (snapshot) => snapshot.rows.some((row) => row.previous_rank !== null);

/** Fill a cell with a row's move; with `known` false it stays empty. */
export function drawMove(cell, row, known) {
  const { kind, by } = known ? moveOf(row) : { kind: "same", by: 0 };
  const shown = `${kind} ${by}`;
  if (cell.dataset.shown === shown) return;
  cell.dataset.shown = shown;
  cell.dataset.move = kind;
  cell.replaceChildren(...parts(kind, by));
}

function parts(kind, by) {
  if (kind === "same") return [el("span", { class: "hidden" }, "no move")];
  if (kind === "new") return [el("span", { class: "tag" }, "new")];
  const arrow = svg("svg", { viewBox: "0 0 10 10", "aria-hidden": "true" }, svg("path", { d: SHAPES[kind] }));
  return [arrow, el("span", { class: "hidden" }, `${kind} `), el("span", {}, counted(by))];
}

const still = matchMedia("(prefers-reduced-motion: reduce)");
const MOVE_MS = 450;

/**
 * Let rows glide from where they were; all rows have the same height.
 * @param {{tr: HTMLElement, from: number, to: number}[]} moved Indexes of the rows before and now.
 */
export function glide(moved, rowHeight) {
  if (still.matches || document.hidden) return;
  for (const { tr, from, to } of moved) {
    const start = { transform: `translateY(${(from - to) * rowHeight}px)` };
    tr.animate([start, { transform: "none" }], { duration: MOVE_MS, easing: "cubic-bezier(.2,.7,.2,1)" });
  }
}
