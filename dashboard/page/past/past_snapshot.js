/** The past snapshot that the address names. */

import { numberedSnapshot } from "../core/api.js";
import { setText } from "../core/dom.js";
import { counted } from "../core/text.js";

export class PastSnapshot {
  /**
   * @param {import("./timeline.js").Timeline} timeline
   * @param {() => void} changed
   */
  constructor(timeline, changed) {
    this.timeline = timeline;
    this.changed = changed;
    this.snapshot = null;
    this.sequence = null;
    this.error = "";
  }

  /** Fetch the snapshot; the one before stays on the page until then. @param {number | null} sequence */
  async open(sequence) {
    if (sequence === this.sequence) return;
    this.sequence = sequence;
    this.error = "";
    this.asking?.abort();
    if (sequence === null) this.snapshot = null;
    if (sequence === null) return;
    const { signal } = (this.asking = new AbortController());
    const known = this.timeline.points.find((point) => point.sequence === sequence);
    try {
      this.snapshot = await numberedSnapshot(sequence, known?.emitted_at, { signal });
    } catch (error) {
      if (signal.aborted) return;
      this.snapshot = null;
      const why = error.status === 404 ? "it is not kept any more, or not emitted yet" : error.message;
      this.error = `Snapshot ${counted(sequence)} can't be shown: ${why}.`;
    }
    this.changed();
  }

  /** Say what is wrong, if something is. */
  drawNote(note) {
    note.hidden = !this.error;
    setText(note, this.error);
  }
}
