/** Lines over time, drawn by uPlot, which is loaded when the first chart is; colours come from the style sheet. */

import { el } from "../core/dom.js";

const HEIGHT_EM = 10.5;
const WHOLE_STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500];
const DAY_S = 86_400;
const DASHES = [[], [7, 3], [2, 3], [9, 3, 2, 3], [1, 2]];
const GRID = 0.5;
const DIGIT_EM = 0.64; // In a wide typeface.
const LABEL_EVERY_EM = 2; // The lowest plot has two labels, whatever its values are: one alone is no scale.

let loading = null;

/** Load uPlot's script; resolves to its constructor, or to null where it can't be loaded now. */
function uplot() {
  loading ??= new Promise((resolve) => {
    const failed = () => {
      loading = null;
      resolve(null);
    };
    const src = new URL("../vendor/uplot/uPlot.iife.min.js", import.meta.url);
    document.head.append(el("script", { src, onload: () => resolve(globalThis.uPlot), onerror: failed }));
    const href = new URL("../vendor/uplot/uPlot.min.css", import.meta.url);
    document.head.append(el("link", { rel: "stylesheet", href }));
  });
  return loading;
}

/** The dash of the nth line, for legends, as SVG's stroke-dasharray. */
export const dashOf = (index) => DASHES[index % DASHES.length].join(" ");

/** A colour of the style sheet, as it is for this element in the present theme. */
function colour(element, name) {
  element.style.color = `var(${name})`;
  return getComputedStyle(element).color;
}

export class LineChart {
  /**
   * @param {HTMLElement} host
   * @param {{format: (value: number) => string, inverted?: boolean, filled?: boolean, heightEm?: number,
   *   fromZero?: boolean, hover?: (index: number | null) => void}} how
   */
  constructor(host, how) {
    this.host = host;
    this.how = how;
    this.lines = 0;
    new ResizeObserver(() => this.resize()).observe(host);
    document.addEventListener("themechange", () => this.redraw());
  }

  /**
   * Draw, or draw again.
   * @param {number[]} times In seconds. @param {(number | null)[][]} lines A value for each time.
   * @param {string} about What a screen reader says.
   */
  async draw(times, lines, about) {
    this.data = [times, ...lines];
    this.host.setAttribute("role", "img");
    this.host.setAttribute("aria-label", about);
    const UPlot = await uplot();
    if (!UPlot || !this.host.isConnected || !this.host.clientWidth) return;
    if (this.chart && this.lines === lines.length) this.chart.setData(this.data);
    else {
      this.chart?.destroy();
      this.lines = lines.length;
      this.chart = new UPlot(this.options(), this.data, this.host);
    }
  }

  redraw() {
    this.lines = -1; // Another theme has other colours: the chart is made again.
    if (this.data) this.draw(this.data[0], this.data.slice(1), this.host.getAttribute("aria-label"));
  }

  resize() {
    const width = this.host.clientWidth;
    if (this.chart && width && width !== this.chart.width) this.chart.setSize({ width, height: this.height });
    else if (!this.chart && this.data && width) this.redraw();
  }

  get em() {
    return Number.parseFloat(getComputedStyle(this.host).fontSize);
  }

  get height() {
    return (this.how.heightEm ?? HEIGHT_EM) * this.em;
  }

  options() {
    const { format, inverted, filled, fromZero, hover } = this.how;
    const { em } = this;
    const textPx = Math.round(0.79 * em); // uPlot takes whole pixels only.
    const axis = {
      stroke: colour(this.host, "--muted"),
      font: `${textPx}px system-ui, sans-serif`,
      ticks: { show: false },
    };
    const whole = inverted
      ? { incrs: WHOLE_STEPS, space: 1.05 * em, splits: ranksOf }
      : { space: LABEL_EVERY_EM * em };
    const grid = { stroke: colour(this.host, "--line"), width: GRID };
    const lines = Array.from({ length: this.lines }, (_, index) => ({
      stroke: colour(this.host, `--line-${(index % DASHES.length) + 1}`),
      fill: filled ? colour(this.host, "--fill") : undefined,
      width: 1.5,
      dash: DASHES[index % DASHES.length],
      points: { show: false },
      spanGaps: false,
    }));
    return {
      width: this.host.clientWidth,
      height: this.height,
      padding: [8, 8, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { setScale: false }, points: { size: 6 } },
      scales: { y: { dir: inverted ? -1 : 1, range: rangeOf(fromZero, inverted) } },
      axes: [
        { ...axis, grid: { show: false }, size: 1.7 * em, space: 5 * em, values: timesFor(textPx) },
        { ...axis, ...whole, grid, size: 3.9 * em, values: (_, ticks) => ticks.map(format) },
      ],
      series: [{}, ...lines],
      hooks: { setCursor: [(chart) => hover?.(chart.cursor.idx ?? null)] },
    };
  }
}

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const clockWithSeconds = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

/** Ticks of the time axis, in one line: as exact as they are apart. A label that the edge would cut is left out. */
const timesFor = (textPx) => (chart, ticks, _axis, _space, stepS) => {
  const format = stepS >= DAY_S ? day : stepS >= 60 ? clock : clockWithSeconds;
  const right = chart.width - chart.bbox.left / devicePixelRatio;
  return ticks.map((tick) => {
    const text = format.format(tick * 1000);
    const end = chart.valToPos(tick, "x") + (text.length * DIGIT_EM * textPx) / 2;
    return end > right ? "" : text;
  });
};

/** Ticks of the axis of ranks: the best one, and those at whole steps that leave room for its label. */
function ranksOf(_chart, _axis, low, high, step) {
  const best = Math.max(1, Math.ceil(low));
  const ticks = [best];
  for (let rank = (Math.floor(best / step) + 1) * step; rank <= high; rank += step)
    if (rank - best >= step / 2) ticks.push(rank);
  return ticks;
}

/** Room above and below, also for a line that is level. */
function rangeOf(fromZero, inverted) {
  return (_, low, high) => {
    if (low === null) return [0, 1];
    if (inverted) return [Math.max(0, low - 0.5), high + 0.5];
    const room = (high - low || Math.abs(high) || 1) * 0.08;
    return [fromZero ? 0 : low - room, high + room];
  };
}
