// What export/onnxruntime/embed.py does, in the browser.

import { loadRuntime } from "./runtime.js";

const [START, END] = ["[CLS]", "[SEP]"];
const TOKENIZER = "tokenizer/tokenizer.json";
const OUTPUT = "sentence_embedding";

/** The model and the tokenizer of an artifact. */
export class Embedder {
  /**
   * @param artifact an `Artifact` of kind "embedding".
   * @param progress function told how many bytes of how many have arrived.
   */
  static async open(artifact, progress) {
    const loaded = await loadRuntime(artifact, [TOKENIZER], progress);
    const [json] = loaded.files;
    const { vocab } = JSON.parse(new TextDecoder().decode(json)).model;
    const embedder = new Embedder();
    Object.assign(embedder, { runtime: loaded.runtime, session: loaded.session });
    embedder.tokenizer = await loaded.Tokenizer.fromJSON(json.buffer);
    [embedder.start, embedder.end] = [vocab[START], vocab[END]];
    embedder.maxLength = artifact.manifest.max_length;
    return embedder;
  }

  /** The vector of a text. */
  async run(text) {
    const row = [...this.tokenizer.encode(text)];
    const tokens = [this.start, ...row.slice(0, this.maxLength - 2), this.end];
    const ids = new this.runtime.Tensor("int32", Int32Array.from(tokens), [1, tokens.length]);
    const { [OUTPUT]: vector } = await this.session.run({ token_ids: ids }, [OUTPUT]);
    const needed = row.length + 2;
    return { vector: [...vector.data], tokens: needed, cut: needed > this.maxLength };
  }
}
