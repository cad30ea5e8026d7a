/** What stands beside the ranking: one customer, a comparison, or the course over time. */

import { OverTime } from "./charts/over_time.js";
import { CustomerView } from "./customer/customer_view.js";
import { CompareView } from "./past/compare_view.js";

const DRAW_CHARTS_MS = 250;

export class Side {
  /**
   * @param {HTMLElement} host
   * @param {() => import("./core/route.js").Route} route
   * @param {import("./past/timeline.js").Timeline} timeline
   */
  constructor(host, route, timeline) {
    this.host = host;
    this.route = route;
    this.timeline = timeline;
    this.views = {
      customer: new CustomerView(route, timeline),
      compare: new CompareView(route),
      course: new OverTime(timeline),
    };
    this.drawnAt = -Infinity;
  }

  get kind() {
    const { customer, compare } = this.route();
    if (customer !== null) return "customer";
    return compare === null ? "course" : "compare";
  }

  /** Show the view of the address; the focus goes to it, or back to the customer in the ranking. */
  open({ focus = true } = {}) {
    const { kind } = this;
    const { customer } = this.route();
    const [was, wasCustomer] = [this.shownKind, this.shownCustomer];
    if (was === kind && wasCustomer === customer) return;
    [this.shownKind, this.shownCustomer] = [kind, customer];
    this.drawnAt = -Infinity;
    document.documentElement.dataset.view = kind;
    this.host.replaceChildren(this.views[kind].element);
    if (!focus) return;
    if (kind === "customer") this.views.customer.title.focus();
    else if (wasCustomer !== null && wasCustomer !== undefined) focusRow(wasCustomer);
  }

  /** @param {object} snapshot The one on the page. */
  draw(snapshot) {
    if (this.kind === "course") this.drawCharts();
    else this.views[this.kind].draw(snapshot);
  }

  /** Not more often than eyes can follow. */
  drawCharts() {
    const { points, isLoaded } = this.timeline;
    if (this.wasLoaded !== isLoaded || points.length < 2) this.drawnAt = -Infinity;
    this.wasLoaded = isLoaded;
    const wait = this.drawnAt + DRAW_CHARTS_MS - performance.now();
    clearTimeout(this.timer);
    if (wait > 0) this.timer = setTimeout(() => this.kind === "course" && this.drawCharts(), wait);
    else {
      this.drawnAt = performance.now();
      this.views.course.draw();
    }
  }
}

function focusRow(customer) {
  const row = document.querySelector(`tr[data-customer="${CSS.escape(customer)}"] a`);
  (row ?? document.getElementById("find-text")).focus();
}
