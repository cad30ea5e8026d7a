/** Summaries of the snapshots of a span of time: fetched from the server, then continued with each that comes. */

import { serverNow, stretch } from "../core/api.js";

const MOST_FETCHED = 400;
const MOST_LEADERS = 10;

/** Label and seconds; null is all that the topic keeps. */
export const SPANS = [
  ["15 min", 900],
  ["1 h", 3_600],
  ["6 h", 21_600],
  ["24 h", 86_400],
  ["all", null],
];

export class Timeline {
  /** @param {() => void} changed */
  constructor(changed) {
    this.changed = changed;
    this.spanS = SPANS[1][1];
    this.all = [];
    this.frozen = null;
    this.error = "";
    this.isLoaded = false;
  }

  /** Summaries, oldest first; while the page is held, those of before. */
  get points() {
    return this.frozen ?? this.all;
  }

  /** Hold the points as they are, or let them follow again. @param {boolean} held */
  hold(held) {
    this.frozen = held ? [...this.all] : null;
  }

  /** Fetch the span from the server; what came meanwhile stays. */
  async load(spanS = this.spanS) {
    this.spanS = spanS;
    this.loading?.abort();
    const { signal } = (this.loading = new AbortController());
    const since = spanS === null ? undefined : new Date(serverNow() - spanS * 1000).toISOString();
    try {
      const { snapshots } = await stretch({ since, limit: MOST_FETCHED }, { signal });
      const fetched = snapshots.map(withTime);
      const last = fetched.at(-1)?.at ?? 0;
      this.all = [...fetched, ...this.all.filter((point) => point.at > last)];
      if (this.frozen) this.hold(true); // Another span was asked for.
      this.error = "";
    } catch (error) {
      if (signal.aborted) return;
      this.error = error.message;
    }
    this.isLoaded = true;
    this.changed();
  }

  /** Go on with a snapshot from the stream. */
  add(snapshot) {
    const last = this.all.at(-1);
    if (last && last.at >= Date.parse(snapshot.emitted_at)) return;
    if (last && last.sequence >= snapshot.sequence) this.all = []; // Another series: the topic was recreated.
    const newest = summaryOf(snapshot);
    const before = this.all.at(-1);
    this.all.push(newest);
    this.forgetOld();
    if (this.error) {
      this.error = "";
      this.load(); // What could not be fetched: the server answers again.
    } else if (before && newest.sequence > before.sequence + 1) this.fillIn(before, newest);
  }

  /** Fetch what the stream or the polls left out between two neighbours. */
  async fillIn(before, after) {
    try {
      const bounds = { since: before.sequence + 1, until: after.sequence - 1 };
      const { snapshots } = await stretch({ ...bounds, limit: MOST_FETCHED });
      const at = this.all.indexOf(after);
      if (at < 0) return; // All was fetched anew, or this is another series.
      const known = this.all[at - 1]?.sequence ?? 0;
      this.all.splice(at, 0, ...snapshots.map(withTime).filter(({ sequence }) => sequence > known));
      this.forgetOld();
    } catch (error) {
      this.error = error.message;
    }
    this.changed();
  }

  forgetOld() {
    const start = this.spanS === null ? 0 : serverNow() - this.spanS * 1000;
    if (this.all[0].at < start) this.all = this.all.filter(({ at }) => at >= start);
    if (this.all.length > 2 * MOST_FETCHED) this.all = this.all.filter((_, index) => index % 2);
  }
}

function summaryOf({ sequence, emitted_at, coverage, totals, rows }) {
  const { complete, behind_s } = coverage;
  return withTime({
    sequence,
    emitted_at,
    complete,
    behind_s,
    ...totals,
    leaders: rows.slice(0, MOST_LEADERS),
  });
}

/** With its time as a number: as text, times of one second do not sort. */
const withTime = (summary) => ({ ...summary, at: Date.parse(summary.emitted_at) });

/** Per second between neighbours, at the later one's time; a counter that went back is a gap. */
export function rates(points, counter) {
  return points.map((point, index) => {
    const before = points[index - 1];
    const seconds = before ? (point.at - before.at) / 1000 : 0;
    const grown = before ? point[counter] - before[counter] : -1;
    return seconds > 0 && grown >= 0 ? grown / seconds : null;
  });
}
