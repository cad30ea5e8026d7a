/** What the address says: which customer, which snapshot; and links that keep ?theme and ?wall. */

const KEPT = ["theme", "wall"];

/**
 * @typedef {{customer: string | null, sequence: number | null, compare: number | null}} Route
 * compare: seconds before the snapshot that is shown.
 */

/** @returns {Route} */
export function routeOf(address = location) {
  const [, kind, ...rest] = address.pathname.split("/");
  const query = new URLSearchParams(address.search);
  const compare = Number(query.get("compare"));
  return {
    customer: kind === "customers" ? customerIn(rest, query) : null,
    sequence: kind === "snapshots" ? Number(rest[0]) : sequenceIn(query),
    compare: Number.isFinite(compare) && compare > 0 ? compare : null,
  };
}

/** The customer's id in the path, or in the query: browsers resolve the ids . and .. in a path. */
function customerIn(rest, query) {
  return rest.length ? decoded(rest.join("/")) : query.get("id");
}

/** The address of a customer's page or, behind /api, of its figures. */
export function customerAddress(id) {
  const encoded = encodeURIComponent(id);
  return id === "." || id === ".." ? `/customers?id=${encoded}` : `/customers/${encoded}`;
}

/** A customer's page can stand beside a past snapshot: /customers/ID?snapshot=N. */
function sequenceIn(query) {
  const text = query.get("snapshot") ?? "";
  return /^\d{1,15}$/.test(text) ? Number(text) : null;
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The path of a route. @param {Partial<Route>} route */
export function pathTo({ customer = null, sequence = null, compare = null } = {}) {
  const query = new URLSearchParams();
  const now = new URLSearchParams(location.search);
  for (const name of KEPT) if (now.has(name)) query.set(name, now.get(name));
  if (compare !== null) query.set("compare", compare);
  let path = "/";
  if (customer !== null) {
    const [base, id] = customerAddress(customer).split("?id=");
    path = base;
    if (id) query.set("id", customer);
    if (sequence !== null) query.set("snapshot", sequence);
  } else if (sequence !== null) path = `/snapshots/${sequence}`;
  const text = query.toString().replace(/\bwall=(?=&|$)/, "wall");
  return text ? `${path}?${text}` : path;
}

/** Follow links to the page's own paths without loading it again. @param {() => void} changed */
export function watchRoute(changed) {
  addEventListener("popstate", changed);
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-route]");
    const other = event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
    if (!link || other || event.defaultPrevented) return;
    event.preventDefault();
    if (link.href !== location.href) goTo(link.href);
  });
}

/** Go to a path of the page; with `replace`, without a new entry in the browser's history. */
export function goTo(path, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", path);
  dispatchEvent(new PopStateEvent("popstate"));
}
