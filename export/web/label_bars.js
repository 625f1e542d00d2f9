// The probabilities of labels as bars.

import { element } from "./dom.js";

const MOST = 10; // bars

/** A share between 0 and 1 as people read it: percent(0.9712) is "97.1 %". */
export function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}

/** The index of the greatest probability, of equal ones the first. */
export function mostProbable(probabilities) {
  return probabilities.indexOf(Math.max(...probabilities));
}

/**
 * What the bars say: labels in their order; of more than `MOST` those most probable, and the sum of
 * the others where one label holds.
 *
 * @param labels names.
 * @param probabilities one for each, or undefined while there is no text.
 * @param single whether one label holds, so that probabilities can be added.
 * @returns {{name: string, share: number | undefined, best: boolean}[]}
 */
export function labelRows(labels, probabilities, single = true) {
  const best = probabilities && mostProbable(probabilities);
  const rows = labels.map((name, i) => ({ name, share: probabilities?.[i], best: i === best }));
  if (rows.length <= MOST) return rows;
  if (probabilities) rows.sort((one, other) => other.share - one.share);
  const rest = rows.splice(MOST - 1);
  const isKnown = probabilities && single;
  const share = isKnown ? rest.reduce((sum, row) => sum + row.share, 0) : undefined;
  rows.push({ name: `${rest.length.toLocaleString("en")} others`, share, best: false });
  return rows;
}

/**
 * Shows rows in a list, whose items stay, so that bars move from what they were. A row may have a
 * `text` in the place of its share in percent.
 */
export function showBars(list, rows) {
  while (list.childElementCount > rows.length) list.lastChild.remove();
  rows.forEach(({ name, share, best, text }, i) => {
    const item = list.children[i] ?? list.appendChild(newItem());
    const [label, value, bar] = item.children;
    if (label.textContent !== name) label.textContent = label.title = name;
    value.textContent = text ?? (share === undefined ? "" : percent(share));
    bar.style.setProperty("--share", share ?? 0);
    item.classList.toggle("best", best);
  });
}

function newItem() {
  const item = element("li");
  item.append(element("span"), element("span"), element("div"));
  item.firstChild.dir = "auto";
  item.lastChild.setAttribute("aria-hidden", "true");
  return item;
}
