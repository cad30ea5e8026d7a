/** The state of trust in words and colour, ticking; spoken only when it becomes another state and stays so. */

import { serverNow } from "./core/api.js";
import { byId, setText } from "./core/dom.js";
import { trustIn } from "./trust.js";

const TICK_MS = 1_000;
const SPEAK_AFTER_MS = 2_500;

/** @param {() => object} given What `trustIn` needs. */
export function startStateBar(given) {
  const [box, label, why] = [byId("trust"), byId("trust-state"), byId("trust-why")];
  let spoken = "connecting";
  let timer;
  const draw = () => {
    const trust = trustIn(given(), serverNow());
    if (box.dataset.state !== trust.state) {
      box.dataset.state = trust.state;
      clearTimeout(timer);
      timer = setTimeout(() => {
        if (trust.state !== spoken) speak(`${trust.label}: ${why.textContent}`);
        spoken = trust.state;
      }, SPEAK_AFTER_MS);
    }
    setText(label, trust.label);
    setText(why, trust.why);
    return trust;
  };
  setInterval(draw, TICK_MS);
  return draw;
}

/** Let a screen reader say a sentence, when it has nothing else to say. */
export function speak(sentence) {
  byId("spoken").textContent = sentence;
}
