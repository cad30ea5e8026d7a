/** A customer's rank and value over time: from the summaries where it leads, else from some whole snapshots. */

import { numberedSnapshot } from "../core/api.js";
import { el, setText } from "../core/dom.js";
import { LineChart } from "../charts/line_chart.js";
import { compact, counted } from "../core/text.js";

const WHOLE_SNAPSHOTS = 16;
const AT_ONCE = 4;

export class CustomerCourse {
  /** @param {import("../past/timeline.js").Timeline} timeline */
  constructor(timeline) {
    this.timeline = timeline;
    this.note = el("p", { class: "muted" });
    const [ltv, rank] = [el("div", { class: "plot" }), el("div", { class: "plot" })];
    this.ltv = new LineChart(ltv, { format: (value) => `$${compact(value)}`, heightEm: 7.5 });
    this.rank = new LineChart(rank, { format: (value) => counted(value), inverted: true, heightEm: 6.5 });
    this.plots = el(
      "div",
      {},
      el("figure", {}, el("figcaption", {}, el("h3", {}, "LTV over time")), ltv),
      el("figure", {}, el("figcaption", {}, el("h3", {}, "Rank over time")), rank),
    );
    this.element = el("div", {}, this.note, this.plots);
  }

  /** @param {string} id @param {object} shown The snapshot on the page. */
  draw(id, shown) {
    if (id !== this.id) {
      this.id = id;
      this.found = new Map(); // Sequence -> {time, rank, ltv}; nulls where it is not ranked.
      this.fetched = null;
    }
    this.look(shown);
    for (const point of this.timeline.points) {
      const leader = point.leaders.find((each) => each.customer_id === id);
      if (leader && !this.found.has(point.sequence)) this.put(point, leader);
    }
    if (this.fetched !== this.timeline.spanS && this.timeline.points.length > 1) this.fetchSome(id);
    this.show();
  }

  look(snapshot) {
    this.put(
      snapshot,
      snapshot.rows.find((row) => row.customer_id === this.id),
    );
  }

  put({ sequence, emitted_at }, row) {
    const time = Date.parse(emitted_at) / 1000;
    this.found.set(sequence, { time, rank: row?.rank ?? null, ltv: row ? Number(row.ltv) : null });
  }

  /** Whole snapshots, evenly spread over those in whose summary the customer is not. */
  async fetchSome(id) {
    this.fetched = this.timeline.spanS;
    const unknown = this.timeline.points.filter(({ sequence }) => !this.found.has(sequence));
    const step = Math.max(1, Math.ceil(unknown.length / WHOLE_SNAPSHOTS));
    const wanted = unknown.filter((_, index) => index % step === 0);
    const next = async () => {
      for (let point = wanted.shift(); point && this.id === id; point = wanted.shift()) {
        const snapshot = await numberedSnapshot(point.sequence, point.emitted_at).catch(() => null); // It may be deleted by now.
        if (snapshot && this.id === id) this.look(snapshot);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, next));
    if (this.id === id) this.show();
  }

  show() {
    const since = (this.timeline.points[0]?.at ?? 0) / 1000;
    const course = [...this.found.values()]
      .filter(({ time }) => time >= since)
      .sort((a, b) => a.time - b.time);
    const ranked = course.filter(({ rank }) => rank !== null);
    this.plots.hidden = ranked.length < 2;
    const text = ranked.length
      ? "Ranked in one snapshot of this span; a line needs two."
      : "Not ranked in the snapshots of this span.";
    setText(this.note, this.plots.hidden ? text : "");
    this.note.hidden = !this.plots.hidden;
    if (this.plots.hidden) return;
    const times = course.map(({ time }) => time);
    const about = `from ${ranked[0].rank} to ${ranked.at(-1).rank}`;
    this.rank.draw(times, [course.map(({ rank }) => rank)], `Rank over time, ${about}`);
    const [first, last] = [ranked[0], ranked.at(-1)].map(({ ltv }) => `$${counted(Math.round(ltv))}`);
    this.ltv.draw(
      times,
      [course.map(({ ltv }) => ltv)],
      `Lifetime value over time, from ${first} to ${last}`,
    );
  }
}
