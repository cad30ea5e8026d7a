/** Back through the history: a slider over the snapshots of a span of time, the one before and after, and live. */

import { el, setText } from "../core/dom.js";
import { goTo, pathTo } from "../core/route.js";
import { counted, moment } from "../core/text.js";
import { SPANS } from "./timeline.js";

const SETTLED_MS = 120;
const AN_HOUR = 3_600;

export class TimeBar {
  /** @param {HTMLElement} host @param {import("./timeline.js").Timeline} timeline */
  constructor(host, timeline, route) {
    this.timeline = timeline;
    this.route = route;
    this.earlier = el(
      "a",
      { "data-route": true, title: "The snapshot before", "aria-label": "The snapshot before" },
      "‹",
    );
    this.later = el(
      "a",
      { "data-route": true, title: "The snapshot after", "aria-label": "The snapshot after" },
      "›",
    );
    this.slider = el("input", {
      type: "range",
      min: 0,
      "aria-label": "Snapshot",
      oninput: () => this.slid(),
    });
    this.label = el("span", { class: "shown-snapshot" });
    this.live = el("a", { "data-route": true, class: "go-live" }, "Back to live");
    this.compare = el("a", { "data-route": true }, "Compare with an hour ago");
    this.span = el(
      "select",
      { onchange: () => timeline.load(SPANS[this.span.selectedIndex][1]) },
      ...SPANS.map(([label, seconds]) => el("option", { selected: seconds === timeline.spanS }, label)),
    );
    host.append(
      el("label", { class: "pick" }, el("span", {}, "History"), this.span),
      el("span", { class: "slide" }, this.earlier, this.slider, this.later),
      this.label,
      this.live,
      this.compare,
    );
  }

  /** @param {object | null} shown The snapshot on the page. @param {object | null} newest */
  draw(shown, newest) {
    if (!shown || !newest) return;
    const { customer, sequence } = this.route();
    const { points } = this.timeline;
    const isPast = sequence !== null;
    this.slider.max = points.length;
    if (!this.sliding) this.slider.value = isPast ? nearest(points, shown.sequence) : points.length;
    const text = isPast
      ? `${moment(shown.emitted_at)} · snapshot ${counted(shown.sequence)}`
      : `now · snapshot ${counted(shown.sequence)}`;
    if (!this.sliding) this.say(text);
    link(this.earlier, shown.sequence > 1 && pathTo({ customer, sequence: shown.sequence - 1 }));
    link(
      this.later,
      isPast && shown.sequence < newest.sequence && pathTo({ customer, sequence: shown.sequence + 1 }),
    );
    this.live.hidden = !isPast;
    this.live.href = pathTo({ customer });
    this.compare.href = pathTo({ sequence, compare: AN_HOUR });
  }

  say(text) {
    setText(this.label, text);
    this.slider.setAttribute("aria-valuetext", text);
  }

  /** Say at once where the slider is, and go there when it rests. */
  slid() {
    const { points } = this.timeline;
    const point = points[this.slider.valueAsNumber];
    this.say(point ? `${moment(point.emitted_at)} · snapshot ${counted(point.sequence)}` : "now");
    this.sliding = true;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.sliding = false;
      const { customer, sequence } = this.route();
      goTo(pathTo({ customer, sequence: point?.sequence ?? null }), { replace: sequence !== null });
    }, SETTLED_MS);
  }
}

/** A link without an address can't be followed. */
function link(element, path) {
  if (path) element.href = path;
  else element.removeAttribute("href");
  element.setAttribute("aria-disabled", String(!path));
}

function nearest(points, sequence) {
  const index = points.findIndex((point) => point.sequence >= sequence);
  return index < 0 ? points.length : index;
}
