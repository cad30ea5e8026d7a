/** Over time: the leaders' values and ranks, events per second, dead letters. */

import { el, setText, svg } from "../core/dom.js";
import { pathTo } from "../core/route.js";
import { compact, counted, moment, money, perTime, plural, printable } from "../core/text.js";
import { rates } from "../past/timeline.js";
import { dashOf, LineChart } from "./line_chart.js";
import { rankChart } from "./rank_chart.js";

const LOADING = "Reading the history …";
const TOO_SHORT = "There are no two snapshots in this span of time yet.";
const LEADERS = 5;
const PER_MINUTE = 60;

export class OverTime {
  /** @param {import("../past/timeline.js").Timeline} timeline */
  constructor(timeline) {
    this.timeline = timeline;
    this.values = figure("LTV of the leaders", {
      format: (value) => `$${compact(value)}`,
      hover: (at) => this.readValues(at),
    });
    this.legend = el("ul", { class: "legend" });
    this.values.box.append(this.legend);
    this.ranks = el("div", {});
    const ranks = el("figure", {}, el("figcaption", {}, el("h3", {}, "Ranks of the leaders")), this.ranks);
    this.events = figure("Events per second", {
      format: perTime,
      filled: true,
      fromZero: true,
      heightEm: 7.5,
    });
    this.letters = figure("Dead letters per minute", {
      format: perTime,
      filled: true,
      fromZero: true,
      heightEm: 6.5,
    });
    this.empty = el("p", { class: "muted" });
    this.element = el(
      "div",
      { class: "over-time" },
      el("h2", { class: "hidden" }, "Over time"),
      this.empty,
      this.values.box,
      ranks,
      this.events.box,
      this.letters.box,
    );
  }

  draw() {
    const { points, error, isLoaded } = this.timeline;
    this.empty.hidden = points.length > 1;
    setText(this.empty, error ? `The history can't be shown: ${error}.` : isLoaded ? TOO_SHORT : LOADING);
    this.element.classList.toggle("is-empty", points.length < 2);
    if (points.length < 2) return;
    const times = points.map(({ at }) => at / 1000);
    this.drawValues(points, times);
    this.ranks.replaceChildren(...[rankChart(points)].filter(Boolean));
    this.drawRate(this.events, points, times, rates(points, "events"), "events per second");
    const letters = rates(points, "dead_letters").map((each) => (each === null ? null : each * PER_MINUTE));
    this.drawRate(this.letters, points, times, letters, "dead letters per minute");
  }

  drawValues(points, times) {
    this.leaders = points.at(-1).leaders.slice(0, LEADERS);
    this.lines = this.leaders.map(({ customer_id }) =>
      points.map(({ leaders }) => {
        const found = leaders.find((leader) => leader.customer_id === customer_id);
        return found ? Number(found.ltv) : null;
      }),
    );
    const about = this.leaders
      .map(({ customer_id, ltv }) => `${printable(customer_id)} $${money(ltv)}`)
      .join(", ");
    this.values.chart.draw(times, this.lines, `Lifetime values of the leaders, now: ${about}`);
    const entries = this.leaders.map((leader, index) => legendEntry(leader, index));
    const same = this.leaders.map(({ customer_id }) => customer_id).join("\n");
    if (this.legend.dataset.of !== same) this.legend.replaceChildren(...entries);
    this.legend.dataset.of = same;
    this.readValues(null);
  }

  /** The values at the pointer, else the newest. */
  readValues(at) {
    const { points } = this.timeline;
    setText(this.values.now, at === null || !points[at] ? "" : moment(points[at].emitted_at));
    this.leaders?.forEach(({ ltv }, index) => {
      const value = at === null ? ltv : this.lines[index][at];
      const text =
        value === null || value === undefined
          ? ""
          : `$${at === null ? money(value) : counted(Math.round(value))}`;
      const place = this.legend.children[index]?.lastElementChild;
      if (place) setText(place, text);
    });
  }

  drawRate(into, points, times, values, unit) {
    const known = values.filter((value) => value !== null);
    const newest = known.at(-1) ?? 0;
    setText(into.now, perTime(newest));
    const span = plural(points.length, "snapshot");
    into.chart.draw(
      times,
      [values],
      `${unit}, now ${perTime(newest)}, at most ${perTime(Math.max(0, ...known))} in ${span}`,
    );
  }
}

function figure(title, how) {
  const now = el("span", { class: "now" });
  const host = el("div", { class: "plot" });
  const box = el("figure", {}, el("figcaption", {}, el("h3", {}, title), now), host);
  return { box, now, chart: new LineChart(host, how) };
}

function legendEntry({ customer_id }, index) {
  const stroke = { x1: 0, y1: 5, x2: 22, y2: 5, "stroke-dasharray": dashOf(index) };
  return el(
    "li",
    { class: `line-${index + 1}` },
    svg("svg", { viewBox: "0 0 22 10", "aria-hidden": "true" }, svg("line", stroke)),
    el(
      "bdi",
      {},
      el("a", { href: pathTo({ customer: customer_id }), "data-route": true }, printable(customer_id)),
    ),
    el("span", { class: "value" }),
  );
}
