// What export/onnxruntime/translate.py does, in the browser.

import { mergeWords } from "./alignment.js";
import { ArtifactError, download } from "./artifact.js";

const [PADDING, START, END] = [0, 2, 3];
const SPECIAL = { [START]: "<start>", [END]: "<end>" };
// As Python's str.strip() sees it: JavaScript's \s has U+FEFF and lacks the separators.
const BLANK = /^(?:[^\S\ufeff]|[\x1c-\x1f\x85])*$/;

const LIBRARIES = new URL("node_modules/", import.meta.url);
const RUNTIME = new URL("onnxruntime-web/dist/", LIBRARIES);

/** Loads a library's module. */
async function library(url) {
  try {
    return await import(url);
  } catch {
    throw new ArtifactError(`${url.href} cannot be loaded. Run "npm ci" in the page's folder.`);
  }
}

/** The model and the tokenizer of an artifact. */
export class Translator {
  /**
   * @param artifact an `Artifact` of kind "translator".
   * @param progress function told how many bytes of how many have arrived.
   */
  static async open(artifact, progress) {
    const { formats, decoding } = artifact.manifest;
    if (!formats.includes("onnx")) {
      throw new ArtifactError(
        `The artifact holds no model.onnx, only ${formats.join(", ")}. ` +
          "Export it with onnx among its --formats.",
      );
    }
    const { shared } = await artifact.readJson("tokenizer/tokenizer.json");
    const names = shared ? ["shared.model"] : ["source.model", "target.model"];
    const count = sumOf(progress);
    const wasm = new URL("ort-wasm-simd-threaded.wasm", RUNTIME);
    const [runtime, , model, binary, ...vocabularies] = await Promise.all([
      library(new URL("ort.wasm.bundle.min.mjs", RUNTIME)),
      library(new URL("@mlc-ai/web-tokenizers/lib/index.js", LIBRARIES)),
      artifact.read("model.onnx", count()),
      download(wasm.href, undefined, count()),
      ...names.map((name) => artifact.read(`tokenizer/${name}`, count())),
    ]);
    const translator = new Translator();
    translator.maxSourceLength = decoding.max_source_length;
    translator.samples = decoding.method === "sampling";
    translator.runtime = runtime;
    runtime.env.wasm.numThreads = 1; // more need headers that a plain static server does not send
    runtime.env.wasm.wasmBinary = binary;
    translator.session = await runtime.InferenceSession.create(model, {
      executionProviders: ["wasm"],
      logSeverityLevel: 3,
    });
    const { Tokenizer } = globalThis.tokenizers; // the module exports nothing
    const tokenizers = [];
    for (const bytes of vocabularies) {
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
    const ids = [...all.slice(0, this.maxSourceLength - 1), END]; // what is too long is cut
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
    const end = tokens.indexOf(END);
    const kept = end < 0 ? tokens : tokens.slice(0, end);
    return this.target.decode(kept.filter((id) => id !== PADDING && id !== START));
  }

  /** The alignment of one sentence between words; `weights` begins with its (T, S). */
  align(tokens, ids, weights) {
    const pieces = (tokenizer, row) => row.map((id) => SPECIAL[id] ?? tokenizer.idToToken(id));
    const target = pieces(this.target, tokens.filter((id) => id !== PADDING));
    const weight = (t, s) => weights[t * ids.length + s];
    return mergeWords(weight, target, pieces(this.source, ids));
  }
}

/** Makes functions of (received, total) that tell `progress` the sums over all of them. */
function sumOf(progress) {
  const parts = [];
  return () => {
    const part = { received: 0, total: 0 };
    parts.push(part);
    return (received, total) => {
      Object.assign(part, { received, total: Math.max(received, total) });
      const sum = (name) => parts.reduce((before, each) => before + each[name], 0);
      progress(sum("received"), sum("total"));
    };
  };
}
