/** How the leaders' ranks moved: one line per customer, as SVG. */

import { svg } from "../core/dom.js";
import { printable } from "../core/text.js";

const WIDTH = 480;
const ROW = 20;
const LEFT = 24;
const RIGHT = 116;
const COLOURED = 5;
const MOST_NAME = 15;
const MOST_POINTS = 60;

/** As many points as eyes can tell apart, with the newest. */
function thinned(points) {
  const step = Math.ceil(points.length / MOST_POINTS);
  return points.filter((_, index) => (points.length - 1 - index) % step === 0);
}

/**
 * The chart of the customers that lead now.
 * @param {object[]} all Summaries, oldest first.
 * @returns {SVGElement | null} Null where there is nothing to tell yet.
 */
export function rankChart(all) {
  const points = thinned(all);
  const now = points.at(-1)?.leaders ?? [];
  if (points.length < 2 || !now.length) return null;
  const [start, end] = [points[0].at, points.at(-1).at];
  const x = (point) => LEFT + ((point.at - start) / (end - start || 1)) * (WIDTH - LEFT - RIGHT);
  const y = (rank) => (rank - 0.5) * ROW;
  const ranks = points.map(
    ({ leaders }) => new Map(leaders.map((leader) => [leader.customer_id, leader.rank])),
  );
  const lines = now.map(({ customer_id, rank }, index) =>
    svg(
      "g",
      { class: `rank-line ${index < COLOURED ? `line-${index + 1}` : ""}` },
      svg("title", {}, `${printable(customer_id)}, now rank ${rank}`),
      svg("path", { d: course(points, ranks, customer_id, x, y) }),
      svg("circle", { cx: x(points.at(-1)), cy: y(rank), r: 3 }),
      svg(
        "text",
        { x: WIDTH - RIGHT + 10, y: y(rank), class: "rank-name" },
        shortened(printable(customer_id)),
      ),
    ),
  );
  const numbers = now.map(({ rank }) =>
    svg("text", { x: 2, y: y(rank), class: "rank-number" }, String(rank)),
  );
  const about = `Ranks of ${now.length} customers; first is now ${printable(now[0].customer_id)}`;
  const box = {
    viewBox: `0 0 ${WIDTH} ${now.length * ROW}`,
    role: "img",
    "aria-label": about,
    class: "rank-chart",
  };
  return svg("svg", box, ...numbers, ...lines.reverse());
}

/** A path that has points only where the rank changes; a stretch without a rank is a gap. */
function course(points, ranks, id, x, y) {
  let path = "";
  let last = null;
  points.forEach((point, index) => {
    const rank = ranks[index].get(id) ?? null;
    const follows = index + 1 < points.length ? (ranks[index + 1].get(id) ?? null) : undefined;
    if (rank !== null && (rank !== last || rank !== follows)) {
      path += `${last === null ? "M" : "L"}${x(point).toFixed(1)} ${y(rank)}`;
    }
    last = rank;
  });
  return path;
}

const shortened = (name) => (name.length > MOST_NAME ? `${name.slice(0, MOST_NAME - 1)}…` : name);
