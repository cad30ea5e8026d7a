/** The weeks in which a customer was active, as a calendar: one line a year, one cell a week. */

import { el, svg } from "../core/dom.js";
import { counted, plural } from "../core/text.js";

const CELL = 5;
const STEP = 6;
const LEFT = 28;
const LINE = 11;
const WEEKS = 54;
const MOST_YEARS = 12;
const WEEK_MS = 7 * 86_400_000;

/** @param {string[]} sundays The first day of each active week, ascending, as in 2026-01-04. */
export function weekStrip(sundays) {
  if (!sundays.length) return el("p", { class: "muted" }, "No active week yet.");
  const byYear = Map.groupBy(sundays, yearOf);
  const years = [...byYear.keys()];
  const shown = years.slice(-MOST_YEARS);
  const lines = shown.map((year, index) =>
    yearLine(year, new Set(byYear.get(year).map(weekOfYear)), index * LINE),
  );
  const about = `Active in ${plural(sundays.length, "week")}, the first from ${sundays[0]}, the last from ${sundays.at(-1)}`;
  const box = {
    viewBox: `0 0 ${LEFT + WEEKS * STEP} ${shown.length * LINE}`,
    role: "img",
    "aria-label": about,
    class: "weeks",
  };
  const earlier = years.length - shown.length;
  return el(
    "div",
    {},
    el("h3", {}, "Active weeks"),
    svg("svg", box, ...lines),
    earlier
      ? el(
          "p",
          { class: "muted" },
          `and in ${plural(earlier, "earlier year")}, from ${counted(Number(years[0]))} on`,
        )
      : null,
  );
}

const yearOf = (day) => day.slice(0, 4);

/** The number of Sundays of the year before this one. */
function weekOfYear(sunday) {
  return Math.floor((Date.parse(sunday) - Date.parse(`${yearOf(sunday)}-01-01`)) / WEEK_MS);
}

function yearLine(year, active, y) {
  const cells = Array.from({ length: WEEKS - 1 }, (_, week) =>
    svg("rect", {
      x: LEFT + week * STEP,
      y: y + 2,
      width: CELL,
      height: CELL,
      rx: 1,
      class: active.has(week) ? "on" : "off",
    }),
  );
  return svg("g", {}, svg("text", { x: 0, y: y + LINE / 2 }, year), ...cells);
}
