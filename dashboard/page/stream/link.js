/**
 * The way from the server to this browser: a stream; where something cuts streams, polling; and what is known of it.
 *
 * States: connecting, streaming, polling, unreachable, locked (the server asks for the access token).
 * A stream that ends is opened again after its last snapshot, later each time. After SHORT_STREAMS in a row, while the
 * server does answer, the link polls, and tries a stream now and then. A stream is short, too, that brings nothing
 * although there is a newer snapshot: something collects what the server sends.
 */

import { ApiError, health, latestSnapshot } from "../core/api.js";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
const SHORT_STREAM_MS = 20_000; // Longer than the server's 15 s between heartbeats: one of them has come through.
const SHORT_STREAMS = 3;
const POLL_MS = 5_000;
const FIRST_RETRY_STREAM_MS = 60_000;
const LONGEST_RETRY_STREAM_MS = 600_000;
const SILENCE_MS = 15_000;

export class Link {
  /**
   * @param {{snapshot: (s: object) => void, missed: (count: number) => void, link: (l: object) => void}} tell
   * @param {number | null} after The sequence that the browser has already.
   */
  constructor(tell, after) {
    this.tell = tell;
    this.after = after;
    this.state = { transport: "connecting", feed: null, since: Date.now() };
    this.wait = FIRST_WAIT_MS;
    this.retryStreamMs = FIRST_RETRY_STREAM_MS;
    this.shortStreams = 0;
    this.onBack = () => this.openStream();
    this.onGone = () => this.lost();
    addEventListener("online", this.onBack);
    addEventListener("offline", this.onGone);
    this.openStream();
  }

  close() {
    removeEventListener("online", this.onBack);
    removeEventListener("offline", this.onGone);
    this.stopAll();
  }

  stopAll() {
    this.source?.close();
    this.source = null;
    clearTimeout(this.timer);
    clearTimeout(this.silence);
    clearTimeout(this.retryStream);
  }

  openStream() {
    this.stopAll();
    const query = this.after === null ? "" : `?last_event_id=${this.after}`;
    const source = new EventSource(`/api/stream${query}`);
    const opened = performance.now();
    this.source = source;
    const received = (act) => (event) => {
      this.set("streaming");
      this.listen();
      act(JSON.parse(event.data));
    };
    source.addEventListener("open", () => this.listen());
    source.addEventListener(
      "state",
      received(({ state }) => this.set("streaming", state)),
    );
    source.addEventListener(
      "missed",
      received(({ count }) => this.tell.missed(count)),
    );
    source.addEventListener(
      "snapshot",
      received((snapshot) => this.take(snapshot)),
    );
    source.addEventListener("error", () => this.ended(performance.now() - opened));
    this.listen();
  }

  /** A stream that lasted is no sign of a proxy that cuts streams. */
  ended(lastedMs) {
    this.stopAll();
    this.shortStreams = lastedMs < SHORT_STREAM_MS ? this.shortStreams + 1 : 0;
    if (lastedMs >= SHORT_STREAM_MS) this.wait = FIRST_WAIT_MS;
    if (this.state.transport === "polling") this.startPolling(this.state.feed);
    else this.probe();
  }

  /** The stream is closed: does the server answer at all? The health has no secrets; a snapshot may need the token. */
  async probe() {
    try {
      const { state } = await health();
      const latest = state === "waiting" ? null : await this.fetchLatest();
      if (this.shortStreams >= SHORT_STREAMS) return this.startPolling(state);
      if (latest === null || this.state.transport === "unreachable") this.set("connecting", state);
      this.later(() => this.openStream());
    } catch (error) {
      this.failed(error);
    }
  }

  failed(error) {
    this.set(error instanceof ApiError && error.status === 401 ? "locked" : "unreachable");
    if (!(error instanceof ApiError)) throw error;
    this.later(() => this.probe());
  }

  later(act) {
    clearTimeout(this.timer);
    this.timer = setTimeout(act, this.wait * (0.75 + Math.random() / 2)); // Pages do not come back all at once.
    this.wait = Math.min(2 * this.wait, LONGEST_WAIT_MS);
  }

  async fetchLatest() {
    try {
      return await latestSnapshot();
    } catch (error) {
      if (error.status === 503) return null; // There is none yet.
      throw error;
    }
  }

  startPolling(feed) {
    this.set("polling", feed);
    this.retryStream = setTimeout(() => this.openStream(), this.retryStreamMs);
    this.retryStreamMs = Math.min(2 * this.retryStreamMs, LONGEST_RETRY_STREAM_MS);
    this.poll();
  }

  async poll() {
    try {
      const { state } = await health();
      const snapshot = await this.fetchLatest();
      if (this.source) return; // A stream is being tried meanwhile.
      this.set("polling", state);
      if (snapshot && snapshot.sequence !== this.after) this.takePolled(snapshot);
      this.timer = setTimeout(() => this.poll(), POLL_MS);
    } catch (error) {
      this.failed(error);
    }
  }

  takePolled(snapshot) {
    const skipped = this.after === null ? 0 : snapshot.sequence - this.after - 1;
    if (skipped > 0) this.tell.missed(skipped);
    this.take(snapshot);
  }

  take(snapshot) {
    this.after = snapshot.sequence;
    this.tell.snapshot(snapshot);
  }

  /** A connection can be dead without an error: after a silence, ask the server whether there is something newer. */
  listen() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.checkSilence(), SILENCE_MS);
  }

  async checkSilence() {
    const { source } = this;
    const answer = await health().catch(() => null);
    if (source !== this.source) return;
    if (answer === null) return this.lost();
    const hasAll = answer.snapshot === null || answer.snapshot.sequence === this.after;
    if (source.readyState === EventSource.OPEN && hasAll) {
      this.set("streaming", answer.state);
      this.listen();
    } else {
      this.shortStreams = Math.max(this.shortStreams, SHORT_STREAMS - 2); // A second silence is enough.
      this.ended(0);
    }
  }

  lost() {
    this.stopAll();
    this.set("unreachable");
    this.later(() => this.probe());
  }

  set(transport, feed = this.state.feed) {
    if (transport === this.state.transport && feed === this.state.feed) return;
    this.state = { transport, feed, since: Date.now() };
    this.tell.link(this.state);
  }
}
