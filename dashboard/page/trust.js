/** How far to trust what the page shows, as one state. Pure: the time is passed in. */

import { moment, partitions, plural, span } from "./core/text.js";

const UNKNOWN_INTERVAL_S = 5;
const LATE_INTERVALS = 3;
const LATE_S = 10;
const STALE_INTERVALS = 12;
const STALE_S = 60;
const QUIET_S = 3600;

/**
 * @typedef {{state: string, label: string, why: string}} Trust
 * @param {{shown: object | null, isPast: boolean, paused: boolean, missed: number, link: object,
 *   intervalS: number | null}} given
 * @param {number} now Milliseconds, by the server's clock.
 * @returns {Trust}
 */
export function trustIn(given, now) {
  const { shown, isPast, paused, missed, link } = given;
  const kinds = isPast
    ? [past]
    : [locked, pausedFor, unreachable, unreadable, waiting, stale, incomplete, late];
  const ages = shown ? agesOf(shown, now) : null;
  for (const kind of kinds) {
    const found = kind({ shown, paused, missed, link, ages, limits: limits(given.intervalS) });
    if (found) return found;
  }
  return { state: "live", label: "Live", why: withPolling(link, `${ages.text}; all events counted`) };
}

function limits(intervalS) {
  const interval = intervalS ?? UNKNOWN_INTERVAL_S;
  return {
    lateS: Math.max(LATE_S, LATE_INTERVALS * interval),
    staleS: Math.max(STALE_S, STALE_INTERVALS * interval),
  };
}

function agesOf(snapshot, now) {
  const snapshotS = Math.max(0, (now - Date.parse(snapshot.emitted_at)) / 1000);
  const eventS = snapshot.event_time_max === null ? null : (now - Date.parse(snapshot.event_time_max)) / 1000;
  const event = eventS === null ? "no event yet" : `newest event ${span(eventS)} old`;
  return { snapshotS, eventS, text: `snapshot ${span(snapshotS)} old, ${event}` };
}

const withPolling = (link, text) =>
  link.transport === "polling" ? `${text}; the network cuts streams, so the page asks every 5 s` : text;

function past({ shown, ages }) {
  if (!shown) return { state: "past", label: "Past", why: "opening a past snapshot" };
  const whole = shown.coverage.complete ? "counted all events" : `was incomplete: ${gaps(shown.coverage)}`;
  return {
    state: "past",
    label: "Past",
    why: `emitted ${moment(shown.emitted_at)}, ${span(ages.snapshotS)} ago; ${whole}`,
  };
}

function locked({ link }) {
  if (link.transport !== "locked") return null;
  return {
    state: "locked",
    label: "Locked",
    why: "the access token is not valid any more: load the page again",
  };
}

function pausedFor({ paused, missed, ages }) {
  if (!paused) return null;
  const count = missed ? `${plural(missed, "snapshot")} missed` : "no snapshot missed yet";
  return { state: "paused", label: "Paused", why: ages ? `${count}; ${ages.text}` : count };
}

function unreachable({ link, ages }) {
  const old = ages ? `; ${ages.text}` : "";
  if (link.transport === "unreachable")
    return {
      state: "reconnecting",
      label: "Reconnecting",
      why: `the dashboard's server does not answer${old}`,
    };
  if (link.feed === "reconnecting")
    return { state: "reconnecting", label: "Reconnecting", why: `the dashboard can't reach Kafka${old}` };
  return null;
}

function unreadable({ link }) {
  if (link.feed !== "unreadable") return null;
  return {
    state: "stale",
    label: "Stale",
    why: "a newer program writes the snapshots: update the dashboard",
  };
}

function waiting({ shown, link }) {
  if (shown) return null;
  if (link.feed === "waiting")
    return {
      state: "connecting",
      label: "Waiting",
      why: "there is no snapshot yet; a consumer emits the first one",
    };
  return { state: "connecting", label: "Connecting", why: "" };
}

function stale({ ages, limits, link }) {
  if (ages.snapshotS <= limits.staleS) return null;
  const why = `no new snapshot for ${span(ages.snapshotS)}; is a consumer running?`;
  return { state: "stale", label: "Stale", why: withPolling(link, why) };
}

function incomplete({ shown, link, ages }) {
  if (shown.coverage.complete) return null;
  const why = `${gaps(shown.coverage)}; ${ages.text}`;
  return { state: "incomplete", label: "Incomplete", why: withPolling(link, why) };
}

function gaps({ partitions: all, behind_s, lag_records }) {
  const missing = all.filter((each) => each.next_offset === null).map((each) => each.partition);
  if (missing.length) {
    const whose = missing.length === 1 ? "its" : "their";
    return `${partitions(missing)} not reported yet, so ${whose} customers are missing`;
  }
  if (behind_s === null) return "what it counts is not known";
  const behind = all.filter((each) => each.lag_records).map((each) => each.partition);
  const blocked = all.filter((each) => each.blocked_s !== null && each.blocked_s !== undefined);
  const records = `${plural(lag_records ?? 0, "record")} up to ${span(behind_s)} old not counted`;
  const where = behind.length ? `${records}, on ${partitions(behind)}` : records;
  if (!blocked.length) return where;
  const longest = Math.max(...blocked.map((each) => each.blocked_s));
  return `${where}; an open transaction blocks ${partitions(blocked.map((each) => each.partition))} for ${span(longest)}`;
}

function late({ ages, limits, link }) {
  if (ages.snapshotS > limits.lateS)
    return {
      state: "late",
      label: "Late",
      why: withPolling(link, `the next snapshot is overdue; ${ages.text}`),
    };
  if (ages.eventS !== null && ages.eventS > QUIET_S)
    return { state: "late", label: "Late", why: withPolling(link, `${ages.text}; all events counted`) };
  return null;
}
