// What export/onnxruntime/generate.py does, in the browser: text, token by token.

import { ArtifactError } from "./artifact.js";
import { loadRuntime } from "./runtime.js";

const TOKENIZER = "tokenizer/tokenizer.json";
const DATA = "model.onnx.data"; // the weights of all .onnx files
const ROOM = 64; // positions by which the caches grow
const BEFORE = 8; // tokens of a prompt that the first new ones are decoded with

/** The model and the tokenizer of an artifact. */
export class Generator {
  /**
   * @param artifact an `Artifact` of kind "language-model".
   * @param progress function told how many bytes of how many have arrived.
   */
  static async open(artifact, progress) {
    const { manifest } = artifact;
    if (manifest.decoding.method !== "greedy") {
      throw new ArtifactError(
        `The artifact was exported for ${manifest.decoding.method}; this page writes greedily.`,
      );
    }
    const generator = new Generator();
    // The shortest one: each file that is loaded holds the weights once more in memory.
    generator.length = Math.min(...manifest.steps.prefill_lengths);
    const models = ["decode.onnx", `prefill_${generator.length}.onnx`];
    const { runtime, sessions, Tokenizer, files } = await loadRuntime(
      artifact,
      [TOKENIZER],
      progress,
      models,
      DATA,
    );
    const [decode, prefill] = sessions;
    Object.assign(generator, { runtime, decode, prefill, decoding: manifest.decoding });
    generator.files = [...models, DATA];
    generator.tokenizer = await Tokenizer.fromJSON(files[0].buffer);
    const added = JSON.parse(new TextDecoder().decode(files[0])).added_tokens ?? [];
    const idsOf = (tokens) => tokens.map(({ id }) => id);
    generator.hidden = idsOf(added.filter(({ special }) => special)); // which no text shows
    const { end, start } = manifest.special_ids;
    generator.ends = [end ?? []].flat();
    // A stop may be the name of a token.
    generator.stops = idsOf(added.filter(({ content }) => manifest.decoding.stop.includes(content)));
    generator.first = start;
    generator.begin = manifest.adds_start ? [start] : [];
    generator.forbidden = manifest.forbidden_ids;
    const inputs = Object.entries(manifest.signatures.decode.inputs);
    generator.shapes = inputs.filter(([name]) => name.startsWith("kv_cache_"));
    return generator;
  }

  /** Ends the text that is being written. */
  stop() {
    this.stopped = true;
  }

  /**
   * Goes on with a text.
   *
   * @param input {text, limit}: the prompt, and the tokens at most.
   * @param shown function told the whole continuation again and again.
   */
  async run({ text, limit }, shown) {
    this.stopped = false;
    const all = [...this.begin, ...this.tokenizer.encode(text)];
    const { context, stop } = this.decoding;
    const prompt = this.kept(all, limit);
    const last = Math.min(limit, context + 1 - prompt.length);
    const seen = new Set(prompt);
    const tokens = [];
    let output = "";
    let finish = "length";
    let logits = await this.start(prompt);
    while (!this.stopped && tokens.length < last) {
      const token = this.choose(logits, seen, tokens.length);
      if (this.ends.includes(token)) {
        finish = "end";
        break;
      }
      tokens.push(token);
      seen.add(token);
      if (this.stops.includes(token)) {
        finish = "stop";
        break;
      }
      output = this.decodeAfter(prompt, tokens);
      const place = placeOfStop(output, stop);
      if (place !== undefined) {
        output = output.slice(0, place);
        finish = "stop";
        break;
      }
      shown(output);
      await new Promise((resolve) => setTimeout(resolve)); // messages come in between
      if (tokens.length < last && !this.stopped) logits = await this.step(token);
    }
    if (this.stopped) finish = "stopped";
    return { output, finish, count: tokens.length, tokens: all.length, cut: all.length - prompt.length };
  }

  /**
   * The tokens of a prompt that are read: of one over the context the last, after its start. It makes
   * room for what is asked for, but at least half of the context is read.
   */
  kept(all, limit) {
    const { context } = this.decoding;
    if (all.length <= context) return all;
    const count = Math.max(1, context + 1 - limit, Math.floor(context / 2));
    const begin = all[0] === this.first && count > 1 ? all.slice(0, 1) : [];
    return [...begin, ...all.slice(all.length - count + begin.length)];
  }

  /** The text of tokens that follow a prompt, without a character that is not yet whole. */
  decodeAfter(prompt, tokens) {
    const before = prompt.slice(-BEFORE);
    const isShown = (id) => !this.hidden.includes(id);
    const decode = (ids) => this.tokenizer.decode(Int32Array.from(ids.filter(isShown)));
    return decode([...before, ...tokens]).slice(decode(before).length).replace(/\ufffd+$/, "");
  }

  /** The most probable token of those that may come. */
  choose(logits, seen, count) {
    const penalty = this.decoding.repetition_penalty ?? 1;
    if (penalty !== 1) {
      for (const id of seen) logits[id] = logits[id] > 0 ? logits[id] / penalty : logits[id] * penalty;
    }
    for (const id of this.forbidden) logits[id] = -Infinity;
    if (count < this.decoding.min_length) for (const id of this.ends) logits[id] = -Infinity;
    let best = 0;
    for (let id = 1; id < logits.length; id++) if (logits[id] > logits[best]) best = id;
    return best;
  }

  /** Reads a prompt; the logits of the next token. */
  async start(prompt) {
    this.size = Math.max(Math.ceil((prompt.length + 1) / ROOM) * ROOM, this.length);
    this.position = 0;
    this.caches = this.shapes.map(([name, [, [, heads, , width]]]) => {
      const data = new Float32Array(heads * this.size * width);
      return [name, new this.runtime.Tensor("float32", data, [1, heads, this.size, width])];
    });
    let before = prompt.slice(0, -1);
    while (before.length) {
      if (this.position + this.length > this.size) {
        await this.step(before[0]);
        before = before.slice(1);
        continue;
      }
      // What fills the last part stands behind the prompt, where nothing reads it.
      const tokens = before.slice(0, this.length);
      await this.feed(this.prefill, [...tokens, ...Array(this.length - tokens.length).fill(0)]);
      this.position += tokens.length;
      before = before.slice(this.length);
    }
    return this.step(prompt.at(-1));
  }

  /** Reads a token; the logits of the next one. */
  async step(token) {
    if (this.position === this.size) this.grow();
    const { logits } = await this.feed(this.decode, [token]);
    this.position += 1;
    return logits.data;
  }

  async feed(session, tokens) {
    const { Tensor } = this.runtime;
    const positions = tokens.map((_, i) => this.position + i);
    const found = await session.run({
      tokens: new Tensor("int32", Int32Array.from(tokens), [1, tokens.length]),
      input_pos: new Tensor("int32", Int32Array.from(positions), [positions.length]),
      ...Object.fromEntries(this.caches),
    });
    // An output has another name than the input that it is for.
    this.caches = this.caches.map(([name]) => [name, found[`new_${name}`]]);
    return found;
  }

  /** Caches with room for more positions. */
  grow() {
    const size = this.size + ROOM;
    this.caches = this.caches.map(([name, { data, dims: [, heads, , width] }]) => {
      const larger = new Float32Array(heads * size * width);
      for (let head = 0; head < heads; head++) {
        const part = data.subarray(head * this.size * width, (head + 1) * this.size * width);
        larger.set(part, head * size * width);
      }
      return [name, new this.runtime.Tensor("float32", larger, [1, heads, size, width])];
    });
    this.size = size;
  }
}

/** Where the stop begins that ends first in a text, of those the longest; undefined without one. */
export function placeOfStop(text, stops) {
  const found = stops
    .map((stop) => [text.indexOf(stop), stop.length])
    .filter(([place]) => place >= 0)
    .sort(([a, m], [b, n]) => a + m - (b + n) || a - b);
  return found[0]?.[0];
}
