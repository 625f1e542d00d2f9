// The probability of each label of a text, or of two texts, as bars.

import { $ } from "./dom.js";
import { labelRows, mostProbable, percent, showBars } from "./label_bars.js";
import { LineResults } from "./line_results.js";

export class ClassifierView {
  title = "Classifier";

  /**
   * @param manifest of the artifact.
   * @param run function of a list of texts: a promise of the model's result.
   * @param fail function told of an error.
   */
  constructor(manifest, run, fail) {
    this.manifest = manifest;
    const runKey = (key) => run(JSON.parse(key));
    this.results = new LineResults(runKey, () => this.render(), fail);
    $.labels.hidden = false;
    $.pair.hidden = !manifest.takes_pairs;
    $["source-title"].textContent = manifest.takes_pairs ? "First text" : "Text";
    $["output-title"].textContent = this.isRegression ? "Score" : "Label";
    this.showScores();
  }

  get isRegression() {
    return this.manifest.problem_type === "regression";
  }

  /** Shows the label and the bars of scores, or the numbers of a regression, or of no text none. */
  showScores(scores) {
    const { labels, problem_type: problem } = this.manifest;
    let verdict = "";
    if (this.isRegression) {
      const names = labels.length > 1 ? labels.map((label) => `${label}: `) : [""];
      verdict = (scores ?? []).map((score, i) => names[i] + score.toFixed(4)).join(", ");
    } else {
      showBars($.bars, labelRows(labels, scores, problem === undefined));
      if (scores) verdict = labels[mostProbable(scores)];
    }
    if ($.verdict.textContent !== verdict) $.verdict.textContent = verdict; // read out by change
  }

  /** What the page says of the artifact. */
  get facts() {
    const { labels, max_length: longest, takes_pairs: pairs, parity, scores } = this.manifest;
    const accuracy = scores?.onnx?.accuracy;
    const texts = parity?.onnx?.[0]?.sentences?.toLocaleString("en");
    return {
      Labels: labels.length.toLocaleString("en"),
      Accuracy: accuracy >= 0 && `${percent(accuracy)} of ${texts} texts`,
      [pairs ? "Longest pair" : "Longest text"]: `${longest} tokens`,
    };
  }

  /** Told what the worker says of the model, once that is loaded. */
  begin() {}

  /** What stands there, as one string; null while something is missing. */
  get key() {
    const fields = this.manifest.takes_pairs ? [$.source, $.second] : [$.source];
    const texts = fields.map((field) => field.value);
    return texts.every((text) => text.trim()) ? JSON.stringify(texts) : null;
  }

  /** Has classified what stands there. */
  ask() {
    this.results.want(this.key === null ? [] : [this.key]);
  }

  render() {
    const { key } = this;
    const result = this.results.get(key);
    const awaited = key !== null && !result;
    $.labels.classList.toggle("awaited", awaited); // what it said before stays, dimmed
    $.labels.setAttribute("aria-busy", awaited);
    $.note.textContent = result?.cut ? this.noteOfCut(result.tokens) : "";
    $.time.textContent = result ? `${Math.round(result.milliseconds)} ms` : "";
    if (awaited) return;
    this.showScores(result?.scores);
  }

  noteOfCut(tokens) {
    const { max_length: maximum, takes_pairs: pairs } = this.manifest;
    const fault =
      `${tokens.toLocaleString("en")} tokens are more than the model’s maximum of ` +
      maximum.toLocaleString("en");
    return pairs ? `${fault}; the longer text is cut.` : `${fault}; only the first are read.`;
  }
}
