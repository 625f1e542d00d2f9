// The page's elements.

/** Those of index.html that have an id, by their ids. */
export const $ = Object.fromEntries(
  [...document.querySelectorAll("[id]")].map((each) => [each.id, each]),
);

/** A new one. */
export function element(name, text = "") {
  return Object.assign(document.createElement(name), { textContent: text });
}
