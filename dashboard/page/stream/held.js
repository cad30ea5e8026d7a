/** The snapshots that have come, which one the page shows, and what was missed while it is paused. */

const KEPT_TIMES = 9;

export class Held {
  /** @param {(why: "snapshot" | "link" | "pause") => void} changed */
  constructor(changed) {
    this.changed = changed;
    this.newest = null;
    this.shown = null;
    this.before = null;
    this.link = { transport: "connecting", feed: null, since: Date.now() };
    this.paused = false;
    this.missed = 0; // While paused.
    this.times = [];
  }

  /** Take a snapshot from the link; one that the page has already changes nothing. */
  take(snapshot) {
    if (this.newest?.sequence === snapshot.sequence && this.newest.emitted_at === snapshot.emitted_at) return;
    const at = Date.parse(snapshot.emitted_at);
    if (at < this.times.at(-1)) return; // Older: a tab's first answer came late.
    this.newest = snapshot;
    this.times = [...this.times, at].slice(-KEPT_TIMES);
    if (this.paused) this.missed += 1;
    else this.show();
    this.changed("snapshot");
  }

  /** Note snapshots that the server left out. */
  leaveOut(count) {
    if (this.paused) this.missed += count;
  }

  setLink(link) {
    this.link = link;
    this.changed("link");
  }

  /** @param {boolean} paused */
  pause(paused) {
    const missed = this.missed;
    this.paused = paused;
    this.missed = 0;
    if (!paused) this.show();
    this.changed("pause");
    return missed;
  }

  show() {
    this.before = this.shown;
    this.shown = this.newest;
  }

  /** Seconds between snapshots, as it usually is; null if not known yet. */
  get usualIntervalS() {
    const gaps = this.times.slice(1).map((time, index) => (time - this.times[index]) / 1000);
    return gaps.length ? gaps.sort((a, b) => a - b)[gaps.length >> 1] : null;
  }
}
