/** The dashboard's HTTP API, and its clock: ages are told by the server's time, not by a clock that may be wrong. */

import { customerAddress } from "./route.js";

const TIMEOUT_MS = 10_000;
const TRUSTED_SKEW_MS = 2_000; // The header Date has whole seconds.

let skewMs = 0;

/** Now, in milliseconds, by the server's clock as far as it is known. */
export const serverNow = () => Date.now() + skewMs;

/** Why there is no answer; `status` is 0 if the server can't be reached. */
export class ApiError extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** Get JSON; throws an ApiError. */
export async function getJson(path, { signal } = {}) {
  const deadline = AbortSignal.timeout(TIMEOUT_MS);
  let response;
  try {
    response = await fetch(path, {
      headers: { Accept: "application/json" },
      signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, "the dashboard's server does not answer");
  }
  const body = await response.json().catch(() => null);
  if (!response.ok || body === null) throw new ApiError(response.status, body?.detail ?? response.statusText);
  if (response.headers.get("cache-control")?.includes("no-")) noteClock(response.headers.get("date"));
  return body;
}

function noteClock(date) {
  const skew = Date.parse(date ?? "") - Date.now();
  if (!Number.isNaN(skew)) skewMs = Math.abs(skew) > TRUSTED_SKEW_MS ? skew : 0;
}

export const latestSnapshot = () => getJson("/api/snapshots/latest");

/** One snapshot. With its time, where that is known, the browser keeps the answer, and asks but once. */
export function numberedSnapshot(sequence, emittedAt, options) {
  const query = emittedAt ? `?${new URLSearchParams({ emitted_at: emittedAt })}` : "";
  return getJson(`/api/snapshots/${sequence}${query}`, options);
}

export const health = () => getJson("/api/health");
export const customer = (id, options) => getJson(`/api${customerAddress(id)}`, options);

/** Summaries of a stretch of snapshots, oldest first. */
export function stretch({ since, until, limit }, options) {
  const query = new URLSearchParams({ limit });
  if (since !== undefined) query.set("since", since);
  if (until !== undefined) query.set("until", until);
  return getJson(`/api/snapshots?${query}`, options);
}
