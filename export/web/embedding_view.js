// How alike a text is to others, the nearest first, as bars.

import { $ } from "./dom.js";
import { showBars } from "./label_bars.js";
import { LineResults } from "./line_results.js";

const MOST = 10; // bars

/** The cosine similarity of two vectors; 0 where one of them is of zeros. */
export function similarity(one, other) {
  const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
  return dot(one, other) / Math.max(Math.sqrt(dot(one, one) * dot(other, other)), 1e-12);
}

export class EmbeddingView {
  title = "Sentence similarity";

  /**
   * @param manifest of the artifact.
   * @param run function of a text: a promise of the model's result.
   * @param fail function told of an error.
   */
  constructor(manifest, run, fail) {
    this.manifest = manifest;
    this.results = new LineResults(run, () => this.render(), fail);
    $.labels.hidden = $.pair.hidden = false;
    $["source-title"].textContent = "Text";
    $["second-title"].textContent = "Another text, or several, one a line";
    $["output-title"].textContent = "Similarity";
  }

  /** What the page says of the artifact. */
  get facts() {
    const { dimension, max_length: longest } = this.manifest;
    return {
      Dimensions: dimension.toLocaleString("en"),
      "Longest text": `${longest} tokens`,
    };
  }

  /** Told what the worker says of the model, once that is loaded. */
  begin() {}

  /** The first text, and the different ones that it is compared with. */
  get texts() {
    const others = $.second.value.split("\n").filter((line) => line.trim());
    return [$.source.value, ...new Set(others)];
  }

  /** Whether there is something to compare. */
  get isWhole() {
    const [text, ...others] = this.texts;
    return Boolean(text.trim()) && others.length > 0;
  }

  /** Has embedded what stands there. */
  ask() {
    this.results.want(this.isWhole ? this.texts : []);
  }

  render() {
    const [first, ...others] = this.texts.map((text) => [text, this.results.get(text)]);
    const results = [first, ...others].map(([, result]) => result);
    const awaited = this.isWhole && results.some((result) => !result);
    $.labels.classList.toggle("awaited", awaited); // what it said before stays, dimmed
    $.labels.setAttribute("aria-busy", awaited);
    if (awaited) return;
    const rows = this.isWhole ? this.rows(first[1], others) : [];
    showBars($.bars, rows);
    const verdict = rows.length === 1 ? rows[0].text : (rows[0]?.name ?? "");
    if ($.verdict.textContent !== verdict) $.verdict.textContent = verdict; // read out by change
    const cut = results.filter((result) => result?.cut);
    $.note.textContent = this.isWhole && cut.length ? this.noteOfCut(cut[0].tokens) : "";
    const milliseconds = results.reduce((sum, result) => sum + (result?.milliseconds ?? 0), 0);
    $.time.textContent = this.isWhole ? `${Math.round(milliseconds)} ms` : "";
  }

  /** The texts and their similarities, the nearest first. */
  rows(first, others) {
    const rows = others.map(([name, { vector }]) => {
      const value = similarity(first.vector, vector);
      return { name, value, share: Math.max(0, value), text: value.toFixed(4) };
    });
    rows.sort((one, other) => other.value - one.value);
    return rows.slice(0, MOST).map((row, i) => ({ ...row, best: i === 0 }));
  }

  noteOfCut(tokens) {
    const maximum = this.manifest.max_length.toLocaleString("en");
    return `${tokens.toLocaleString("en")} tokens are more than the model’s maximum of ${maximum}; only the first are read.`;
  }
}
