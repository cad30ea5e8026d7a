/** One customer: why it has its value, what it ordered and when, where it stands and how it came there. */

import { customer as fetchCustomer } from "../core/api.js";
import { el } from "../core/dom.js";
import { pathTo } from "../core/route.js";
import { counted, minuteOf, money, printable } from "../core/text.js";
import { CustomerCourse } from "./customer_course.js";
import { counts, derivation, standingText } from "./customer_figures.js";
import { weekStrip } from "./week_strip.js";

const FIRST_ORDERS = 10;
const ASK_AGAIN_MS = 1_000;
const RETRY_MS = 3_000;

export class CustomerView {
  /** @param {() => import("../core/route.js").Route} route @param {import("../past/timeline.js").Timeline} timeline */
  constructor(route, timeline) {
    this.route = route;
    this.title = el("h2", { tabindex: "-1" });
    this.close = el("a", { class: "close", "data-route": true }, "Close");
    this.state = el("p", { class: "muted" });
    this.figures = el("div", {});
    this.orders = el("div", {});
    this.course = new CustomerCourse(timeline);
    const head = el("div", { class: "side-head" }, this.title, this.close);
    this.element = el(
      "div",
      { class: "customer" },
      head,
      this.state,
      this.figures,
      this.course.element,
      this.orders,
    );
  }

  /** Show the route's customer beside this snapshot. */
  draw(shown) {
    const { customer, sequence } = this.route();
    this.close.href = pathTo({ sequence });
    if (customer !== this.id) this.begin(customer);
    this.course.draw(customer, shown);
    if (shown.sequence !== this.askedAt) this.askSoon();
    this.askedAt = shown.sequence;
  }

  /** Ask now, or when the last time is long enough ago; a page that nobody sees does not ask. */
  askSoon(wait = this.askAfter - performance.now()) {
    clearTimeout(this.timer);
    this.timer = setTimeout(
      () => this.element.isConnected && !document.hidden && this.ask(),
      Math.max(0, wait),
    );
  }

  begin(id) {
    this.id = id;
    this.askAfter = 0;
    this.askedAt = null;
    this.drawn = {};
    this.allOrders = false;
    this.asking?.abort();
    this.title.replaceChildren(el("bdi", {}, printable(id)));
    this.state.textContent = "Asking …";
    this.figures.replaceChildren();
    this.orders.replaceChildren();
  }

  async ask() {
    this.askAfter = performance.now() + ASK_AGAIN_MS;
    this.asking?.abort();
    const { signal } = (this.asking = new AbortController());
    try {
      this.fill(await fetchCustomer(this.id, { signal }));
    } catch (error) {
      if (signal.aborted) return;
      this.tell(error);
      if (error.status !== 404) this.askSoon(RETRY_MS);
    }
  }

  tell(error) {
    if (error.status === 404) {
      this.drawn = {};
      this.figures.replaceChildren();
      this.orders.replaceChildren();
      this.state.textContent = `Not known: ${printable(error.message)}.`;
    } else this.state.textContent = `The figures can't be read now: ${error.message}. Asking again.`;
  }

  fill(found) {
    const name =
      found.last_name === null ? [] : [" ", el("bdi", { class: "muted" }, printable(found.last_name))];
    this.title.replaceChildren(el("bdi", {}, printable(found.customer_id)), ...name);
    const from =
      found.source === "owner"
        ? "from the worker that owns it"
        : "from the changelog: no worker answers for it now";
    this.state.textContent = `As of offset ${counted(found.next_offset)} of partition ${found.partition}, ${from}.`;
    const { order_list: orders, next_offset: _, ...figures } = found;
    if (this.isOther("figures", figures))
      this.figures.replaceChildren(
        derivation(found),
        standingText(found.standing),
        counts(found),
        weekStrip(found.active_weeks),
      );
    if (this.isOther("orders", orders)) this.fillOrders(found);
  }

  /** Whether there is something else to draw; what is the same stays, with its focus and selection. */
  isOther(part, what) {
    const text = JSON.stringify(what, (name, value) => (name === "sequence" ? undefined : value));
    const isOther = this.drawn[part] !== text;
    this.drawn[part] = text;
    return isOther;
  }

  fillOrders(found) {
    const list = this.allOrders ? found.order_list : found.order_list.slice(0, FIRST_ORDERS);
    const heads = ["Order", "Time", "Version", "Amount"].map((each) => el("th", { scope: "col" }, each));
    const lines = list.map((order) =>
      el(
        "tr",
        {},
        el("th", { scope: "row" }, el("bdi", {}, printable(order.order_id))),
        el("td", {}, minuteOf(order.event_time)),
        el("td", {}, order.verb === "NEW" ? "first" : "updated"),
        el("td", {}, money(order.amount)),
      ),
    );
    const more = found.order_list.length - list.length;
    const showAll = () => {
      this.allOrders = true;
      this.fillOrders(found);
    };
    const left = found.orders - found.order_list.length;
    this.orders.replaceChildren(
      el("h3", {}, `Orders (${counted(found.orders)})`),
      el(
        "table",
        { class: "list orders" },
        el("thead", {}, el("tr", {}, ...heads)),
        el("tbody", {}, ...lines),
      ),
      more ? el("button", { type: "button", onclick: showAll }, `Show ${counted(more)} more`) : "",
      !more && left
        ? el("p", { class: "muted" }, `${counted(left)} older orders are counted, but not listed.`)
        : "",
    );
  }
}
