// A text and how a language model goes on with it, while it writes.

import { $, element } from "./dom.js";

const NEW_TOKENS = 64;

export class GeneratorView {
  title = "Language model";

  /**
   * @param manifest of the artifact.
   * @param run function of {text, limit} and of a function that is told the parts: a promise.
   * @param fail function told of an error.
   * @param stop function that ends what `run` does.
   */
  constructor(manifest, run, fail, stop) {
    Object.assign(this, { manifest, run, fail, stop, busy: false });
    this.output = $.target.appendChild(element("p"));
    this.output.dir = "auto";
    $.target.hidden = false;
    $.target.classList.add("continuation");
    $.source.placeholder = "Type the beginning of a text";
    $["source-title"].textContent = "Prompt";
    $["output-title"].textContent = "Continuation";
  }

  /** What the page says of the artifact. */
  get facts() {
    const { method, context } = this.manifest.decoding;
    return { Search: method, Context: `${context.toLocaleString("en")} tokens` };
  }

  /** Told what the worker says of the model, once that is loaded. */
  begin() {}

  /** Has gone on with what stands there, and no longer with what stood there before. */
  ask() {
    if (this.busy) this.stop();
    else this.next();
  }

  /** Goes on with the text that stands there, until it stays. */
  async next() {
    this.busy = true;
    try {
      while (this.answered !== $.source.value) {
        const text = $.source.value;
        const result = text ? await this.run({ text, limit: NEW_TOKENS }, (x) => this.show(text, x)) : null;
        if (result?.finish === "stopped") continue;
        this.answered = text;
        this.result = result;
      }
    } catch (error) {
      this.fail(error); // and stays busy
      return;
    }
    this.busy = false;
    this.render();
  }

  /** Shows a part, unless it follows a text that no longer stands there. */
  show(text, output) {
    if (text !== $.source.value) return;
    this.output.textContent = output;
    $.target.classList.remove("awaited");
  }

  render() {
    const text = $.source.value;
    const isWhole = !text || this.answered === text;
    $.target.setAttribute("aria-busy", !isWhole);
    $.target.classList.toggle("awaited", !isWhole); // what it said before stays, dimmed
    if (!isWhole) return;
    const result = text ? this.result : null;
    this.output.textContent = result?.output ?? "";
    $.note.textContent = result?.cut ? this.noteOfCut(result) : "";
    $.time.textContent = result ? `${result.count} tokens, ${Math.round(result.milliseconds)} ms` : "";
  }

  noteOfCut({ tokens, cut }) {
    const [all, first, maximum] = [tokens, cut, this.manifest.decoding.context].map((n) => n.toLocaleString("en"));
    return `${all} tokens are more than the model’s context of ${maximum}; the first ${first} are cut.`;
  }
}
