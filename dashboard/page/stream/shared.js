/**
 * One link for all tabs of a browser: with six connections a host, a seventh tab with its own stream would hang.
 *
 * The tab that holds the lock has the link and tells the others over a channel. When it closes, the browser gives the
 * lock to the next tab, which goes on after its last snapshot. Where there are no locks (plain HTTP from another
 * machine), a tab has a link of its own, while it is visible.
 */

import { Link } from "./link.js";

const NAME = `ltv ${new URL("..", import.meta.url).pathname}`; // Tabs of different versions do not share.

/**
 * Receive what any tab's link tells.
 * @param {{snapshot: (s: object) => void, missed: (count: number) => void, link: (l: object) => void}} tell
 * @param {() => object | null} newest The newest snapshot that this tab has.
 */
export function shareLink(tell, newest) {
  const lastSequence = () => newest()?.sequence ?? null;
  if (navigator.locks) shareByLock(tell, newest, lastSequence);
  else linkWhileVisible(tell, lastSequence);
}

function shareByLock(tell, newest, lastSequence) {
  const channel = new BroadcastChannel(NAME);
  let link = null;
  const both = (kind) => (what) => {
    channel.postMessage({ kind, what });
    tell[kind](what);
  };
  channel.addEventListener("message", ({ data: { kind, what } }) => {
    if (kind !== "hello") tell[kind](what);
    else if (link) answer(channel, link, newest());
  });
  channel.postMessage({ kind: "hello" });
  navigator.locks.request(NAME, () => {
    link = new Link(
      { snapshot: both("snapshot"), missed: both("missed"), link: both("link") },
      lastSequence(),
    );
    return new Promise(() => {}); // Held until the tab closes.
  });
}

function answer(channel, link, snapshot) {
  if (snapshot) channel.postMessage({ kind: "snapshot", what: snapshot });
  channel.postMessage({ kind: "link", what: link.state });
}

function linkWhileVisible(tell, lastSequence) {
  let link = null;
  const adjust = () => {
    if (document.hidden) link?.close();
    if (document.hidden || link === null) link = document.hidden ? null : new Link(tell, lastSequence());
  };
  document.addEventListener("visibilitychange", adjust);
  adjust();
}
