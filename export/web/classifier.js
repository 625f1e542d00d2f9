// What export/onnxruntime/classify.py does, in the browser.

import { loadRuntime } from "./runtime.js";

const [START, END] = ["[CLS]", "[SEP]"];
const TOKENIZER = "tokenizer/tokenizer.json";

/**
 * How many tokens two texts keep that may have `room` together: the longer one gives way first.
 *
 * keptLengths(9, 2, 7) is [5, 2], keptLengths(3, 9, 7) is [3, 4].
 */
export function keptLengths(first, second, room) {
  if (first + second <= room) return [first, second];
  const shorter = Math.min(first, second, Math.floor(room / 2));
  return first <= second ? [shorter, room - shorter] : [room - shorter, shorter];
}

/** The model and the tokenizer of an artifact. */
export class Classifier {
  /**
   * @param artifact an `Artifact` of kind "classifier".
   * @param progress function told how many bytes of how many have arrived.
   */
  static async open(artifact, progress) {
    const loaded = await loadRuntime(artifact, [TOKENIZER], progress);
    const [json] = loaded.files;
    const { vocab } = JSON.parse(new TextDecoder().decode(json)).model;
    const classifier = new Classifier();
    Object.assign(classifier, { runtime: loaded.runtime, session: loaded.session });
    classifier.tokenizer = await loaded.Tokenizer.fromJSON(json.buffer);
    [classifier.start, classifier.end] = [vocab[START], vocab[END]];
    classifier.maxLength = artifact.manifest.max_length;
    classifier.takesPairs = artifact.manifest.takes_pairs;
    const isRegression = artifact.manifest.problem_type === "regression";
    classifier.output = isRegression ? "scores" : "probabilities";
    return classifier;
  }

  /** The probability of each label, or a regression's numbers; `texts` are one text, or two for a classifier of pairs. */
  async run(texts) {
    const rows = texts.map((text) => [...this.tokenizer.encode(text)]);
    const room = this.maxLength - 1 - rows.length;
    const lengths = rows.map((row) => row.length);
    const kept = this.takesPairs ? keptLengths(...lengths, room) : [Math.min(...lengths, room)];
    const [tokens, segments] = [[this.start], [0]];
    rows.forEach((row, segment) => {
      const part = [...row.slice(0, kept[segment]), this.end];
      tokens.push(...part);
      segments.push(...part.map(() => segment));
    });
    const ids = (row) => new this.runtime.Tensor("int32", Int32Array.from(row), [1, row.length]);
    const inputs = { token_ids: ids(tokens) };
    if (this.takesPairs) inputs.segment_ids = ids(segments);
    const { [this.output]: scores } = await this.session.run(inputs, [this.output]);
    const needed = lengths.reduce((before, length) => before + length + 1, 1);
    return {
      scores: [...scores.data],
      tokens: needed,
      cut: needed > this.maxLength,
    };
  }
}
