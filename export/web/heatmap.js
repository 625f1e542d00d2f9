// The alignment of a sentence as a table: source along the top, target down the side.

import { element } from "./dom.js";

/**
 * @param alignment {target, source, weights}, as `mergeWords` gives it.
 * @returns a table element; each cell's weight is its text and its style's --weight.
 */
export function heatmap({ target, source, weights }) {
  const table = element("table");
  table.append(element("caption", "Attention of each target word (row) to the source words"));
  const top = table.createTHead().insertRow();
  top.append(element("td", "source →\ntarget ↓"), ...source.map((word) => header(word, "col")));
  const body = table.createTBody();
  target.forEach((word, t) => {
    const row = body.insertRow();
    row.append(header(word, "row"));
    source.forEach((from, s) => {
      const cell = element("td", weights[t][s].toFixed(2));
      cell.style.setProperty("--weight", weights[t][s]);
      row.append(cell);
    });
  });
  return table;
}

/** What a cell of the table says, as nodes and strings, or null for anything else. */
export function describe(cell, { target, source, weights }) {
  const row = cell?.closest?.("tbody tr");
  if (!row || cell.tagName !== "TD") return null;
  const [t, s] = [row.sectionRowIndex, cell.cellIndex - 1];
  // Each word runs as its own letters do, and the arrow from right to left whatever they are.
  const [to, from] = [target[t], source[s]].map((word) => element("bdi", word));
  return [to, " ← ", from, `: ${weights[t][s].toFixed(2)}`];
}

function header(word, scope) {
  const cell = element("th");
  cell.scope = scope;
  cell.title = word;
  const text = element("span", word);
  text.dir = "auto"; // of each word: the table's own order is that of time
  cell.append(text);
  return cell;
}
