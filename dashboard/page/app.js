/** Wires the page: what comes from the link goes to the parts that show it; the address says which parts. */

import { latestSnapshot } from "./core/api.js";
import { atNextFrame, byId } from "./core/dom.js";
import { pathTo, routeOf, watchRoute } from "./core/route.js";
import { plural } from "./core/text.js";
import { PastSnapshot } from "./past/past_snapshot.js";
import { TimeBar } from "./past/time_bar.js";
import { Timeline } from "./past/timeline.js";
import { RankingView } from "./ranking/ranking_view.js";
import { Side } from "./side.js";
import { speak, startStateBar } from "./state_bar.js";
import { Held } from "./stream/held.js";
import { shareLink } from "./stream/shared.js";
import { startThemeButton } from "./theme_button.js";

let route = routeOf();
const currentRoute = () => route;

const redraw = atNextFrame(draw);
const held = new Held(redraw);
const timeline = new Timeline(redraw);
const past = new PastSnapshot(timeline, redraw);
const ranking = new RankingView(currentRoute);
const timeBar = new TimeBar(byId("time"), timeline, currentRoute);
const side = new Side(byId("side"), currentRoute, timeline);
const drawState = startStateBar(() => ({
  shown: shown(),
  isPast: route.sequence !== null,
  paused: held.paused,
  missed: held.missed,
  link: held.link,
  intervalS: held.usualIntervalS,
}));

function shown() {
  return route.sequence === null ? held.shown : past.snapshot;
}

function draw() {
  document.documentElement.toggleAttribute("data-past", route.sequence !== null);
  drawState();
  const snapshot = shown();
  if (snapshot || held.newest) document.documentElement.removeAttribute("data-empty");
  byId("home").href = pathTo();
  past.drawNote(byId("past-note"));
  timeBar.draw(snapshot ?? held.shown, held.newest);
  if (snapshot) ranking.draw(snapshot);
  if (snapshot) side.draw(snapshot);
}

function take(snapshot) {
  held.take(snapshot);
  timeline.add(snapshot);
}

function changeRoute() {
  route = routeOf();
  past.open(route.sequence);
  side.open();
  redraw();
}

const pause = byId("pause");
pause.addEventListener("click", () => {
  const missed = held.pause(!held.paused);
  timeline.hold(held.paused);
  pause.setAttribute("aria-pressed", String(held.paused));
  pause.textContent = held.paused ? "Resume" : "Pause";
  if (!held.paused) speak(`Live again, after ${plural(missed, "snapshot")}`);
});

startThemeButton(byId("theme"));
watchRoute(changeRoute);
past.open(route.sequence);
side.open({ focus: false });
shareLink(
  { snapshot: take, missed: (count) => held.leaveOut(count), link: (link) => held.setLink(link) },
  () => held.newest,
);
// The stream's first snapshot may come later than this answer, in a browser with many tabs.
latestSnapshot()
  .then(take, () => {}) // The link says what is wrong.
  .finally(() => timeline.load());
