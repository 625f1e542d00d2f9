// Translations line by line, and the alignment of the line with the caret.

import { $ } from "./dom.js";
import { describe, heatmap } from "./heatmap.js";
import { LineResults } from "./line_results.js";

const HINTS = {
  nothing: "Shows for each word of the translation which source words it was read from.",
  alignment: "Point at a cell for its weight.",
  scrolls: " The heatmap is larger than its box: scroll in it to see the rest.",
  impossible:
    "This artifact holds no alignments. To see them, export it with --with-alignments.",
};

function lines() {
  return $.source.value.split("\n");
}

/** The line with the caret, or the last one before it that is not blank. */
function selectedLine() {
  const all = lines();
  let line = $.source.value.slice(0, $.source.selectionEnd).split("\n").length - 1;
  while (line > 0 && !all[line].trim()) line--;
  return all[line].trim() ? line : Math.max(0, all.findIndex((each) => each.trim()));
}

/** A line of the translation, which runs as its own letters do. */
function newLine() {
  return Object.assign(document.createElement("p"), { dir: "auto" });
}

export class TranslatorView {
  title = "Translator";

  /**
   * @param manifest of the artifact.
   * @param run function of a line: a promise of the model's result.
   * @param fail function told of an error.
   */
  constructor(manifest, run, fail) {
    this.decoding = manifest.decoding;
    this.hasAlignment = true; // until the model is there
    this.results = new LineResults(run, () => this.render(), fail);
    $.target.hidden = $.alignment.hidden = false;
    $["source-title"].textContent = "Source";
    $["output-title"].textContent = "Translation";
    document.addEventListener("selectionchange", () => this.render());
    for (const event of ["pointerover", "pointerdown"]) {
      $.heatmap.addEventListener(event, ({ target }) => this.pointAt(target));
    }
  }

  /** What the page says of the artifact. */
  get facts() {
    const { beam_size: beam, method, max_source_length: longest } = this.decoding;
    return {
      Search: beam > 1 ? `beam of ${beam}` : method,
      "Longest source": `${longest} tokens`,
    };
  }

  /** Told what the worker says of the model, once that is loaded. */
  begin({ hasAlignment }) {
    this.hasAlignment = hasAlignment;
  }

  /** Has translated what stands there. */
  ask() {
    this.results.want(lines(), selectedLine());
  }

  render() {
    const all = lines();
    const selected = selectedLine();
    const several = all.filter((line) => line.trim()).length > 1;
    while ($.target.childElementCount > all.length) $.target.lastChild.remove();
    all.forEach((line, i) => {
      const row = $.target.children[i] ?? $.target.appendChild(newLine());
      const result = line ? this.results.get(line) : { output: "" };
      row.classList.toggle("awaited", !result); // what it said before stays, dimmed
      row.classList.toggle("selected", several && i === selected);
      if (result && row.textContent !== result.output) row.textContent = result.output;
    });
    const awaited = all.some((line) => line && !this.results.get(line));
    $.target.setAttribute("aria-busy", awaited);
    const result = this.results.get(all[selected]);
    $.note.textContent = all.map((line, i) => this.noteOfLine(line, i)).filter(Boolean).join(" ");
    $.time.textContent = result?.output && !awaited ? `${Math.round(result.milliseconds)} ms` : "";
    this.renderAlignment(result, all[selected]);
  }

  noteOfLine(line, i) {
    const result = this.results.get(line);
    if (!result?.cut) return "";
    const maximum = this.decoding.max_source_length.toLocaleString("en");
    const tokens = result.tokens.toLocaleString("en");
    const begin = lines().length > 1 ? `Line ${i + 1}: ` : "";
    const fault = `${tokens} tokens are more than the model’s maximum of ${maximum}`;
    return `${begin}${fault}; only the first are translated.`;
  }

  renderAlignment(result, line) {
    $.alignment.classList.toggle("awaited", Boolean(line?.trim()) && !result);
    if (line?.trim() && !result) return;
    const alignment = result?.alignment;
    $.heatmap.hidden = $.scale.hidden = !alignment;
    if (alignment && alignment === this.shown) return;
    if (alignment) $.heatmap.replaceChildren(heatmap(alignment));
    this.shown = alignment;
    const state = alignment ? "alignment" : this.hasAlignment ? "nothing" : "impossible";
    const { scrollWidth, clientWidth, scrollHeight, clientHeight } = $.heatmap;
    const scrolls = alignment && (scrollWidth > clientWidth || scrollHeight > clientHeight);
    $.hint.textContent = HINTS[state] + (scrolls ? HINTS.scrolls : "");
  }

  pointAt(cell) {
    const words = this.shown && describe(cell, this.shown);
    if (words) $.hint.replaceChildren(...words);
  }
}
