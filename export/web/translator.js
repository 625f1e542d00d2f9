// What export/onnxruntime/translate.py does, in the browser.

import { mergeWords } from "./alignment.js";
import { loadRuntime } from "./runtime.js";

// As Python's str.strip() sees it: JavaScript's \s has U+FEFF and lacks the separators.
const BLANK = /^(?:[^\S\ufeff]|[\x1c-\x1f\x85])*$/;

/** The model and the tokenizer of an artifact. */
export class Translator {
  /**
   * @param artifact an `Artifact` of kind "translator".
   * @param progress function told how many bytes of how many have arrived.
   */
  static async open(artifact, progress) {
    const { shared } = await artifact.readJson("tokenizer/translation.json");
    const names = shared ? ["shared.model"] : ["source.model", "target.model"];
    const { runtime, session, Tokenizer, files } = await loadRuntime(
      artifact,
      names.map((name) => `tokenizer/${name}`),
      progress,
    );
    const translator = new Translator();
    Object.assign(translator, { runtime, session });
    const { decoding, special_ids: special } = artifact.manifest;
    translator.special = special;
    translator.specialNames = { [special.start]: "<start>", [special.end]: "<end>" };
    translator.maxSourceLength = decoding.max_source_length;
    translator.samples = decoding.method === "sampling";
    const tokenizers = [];
    for (const bytes of files) {
      // One after the other: begun at once, each would be of a WebAssembly module of its own, and
      // the library knows only one.
      tokenizers.push(await Tokenizer.fromSentencePiece(bytes.buffer));
    }
    [translator.source, translator.target = translator.source] = tokenizers;
    return translator;
  }

  /** Whether the artifact was exported with alignments. */
  get hasAlignment() {
    return this.session.outputNames.includes("alignment");
  }

  /** The best translation of a text, and who was attended to. */
  async run(text) {
    const all = BLANK.test(text) ? [] : this.source.encode(text);
    if (!all.length) return { output: "", alignment: null, tokens: 0, cut: false };
    const ids = [...all.slice(0, this.maxSourceLength - 1), this.special.end]; // the rest is cut
    const source = new this.runtime.Tensor("int32", Int32Array.from(ids), [1, ids.length]);
    const inputs = { source_ids: source };
    if (this.samples) inputs.seed = new this.runtime.Tensor("int32", Int32Array.of(0), [1]);
    const wanted = this.hasAlignment ? ["token_ids", "alignment"] : ["token_ids"];
    const found = await this.session.run(inputs, wanted);
    // (1, T), or (1, K, T) when exported with --n-best: the best comes first.
    const tokens = [...found.token_ids.data.subarray(0, found.token_ids.dims.at(-1))];
    return {
      output: this.decode(tokens),
      alignment: this.hasAlignment ? this.align(tokens, ids, found.alignment.data) : null,
      tokens: all.length + 1,
      cut: all.length >= this.maxSourceLength,
    };
  }

  /** The text of ids up to END. */
  decode(tokens) {
    const { padding, start, end } = this.special;
    const length = tokens.indexOf(end);
    const kept = length < 0 ? tokens : tokens.slice(0, length);
    return this.target.decode(kept.filter((id) => id !== padding && id !== start));
  }

  /** The alignment of one sentence between words; `weights` begins with its (T, S). */
  align(tokens, ids, weights) {
    const pieces = (tokenizer, row) => row.map((id) => this.specialNames[id] ?? tokenizer.idToToken(id));
    const target = pieces(this.target, tokens.filter((id) => id !== this.special.padding));
    const weight = (t, s) => weights[t * ids.length + s];
    return mergeWords(weight, target, pieces(this.source, ids));
  }
}
