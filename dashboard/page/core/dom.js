/** Elements without markup: text is only ever set as text, so no name can become part of the page's code. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * Make an element.
 * @param {string} name
 * @param {Record<string, unknown>} [attributes] Absent where null or false; functions named on... listen to events.
 * @param {...(Node | string | null)} children
 */
export function el(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** Make an SVG element. */
export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false)
      element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** The element of the page with this id. */
export function byId(id) {
  return document.getElementById(id);
}

/** Set an element's text, without work for the browser if it is the same. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Run `act` at the next frame, once, however often the result is called before; with the newest arguments. */
export function atNextFrame(act) {
  let newest = null;
  return (...given) => {
    if (newest === null) {
      const run = () => {
        const now = newest;
        newest = null;
        act(...now);
      };
      // A hidden tab gets no frames; it is drawn without one, so that its title stays true.
      if (document.hidden) setTimeout(run);
      else requestAnimationFrame(run);
    }
    newest = given;
  };
}
