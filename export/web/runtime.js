// The libraries and files that a model of any kind needs.

import { ArtifactError, download } from "./artifact.js";

const LIBRARIES = new URL("node_modules/", import.meta.url);
const RUNTIME = new URL("onnxruntime-web/dist/", LIBRARIES);

/** A library's file, by default as a module. */
async function library(url, load = (href) => import(href)) {
  try {
    return await load(url.href);
  } catch {
    throw new ArtifactError(`${url.href} cannot be loaded. Run "npm ci" in the page's folder.`);
  }
}

/**
 * Loads an artifact's .onnx files, what runs them, and what reads its tokenizer.
 *
 * @param artifact an `Artifact`.
 * @param names of the tokenizer's files.
 * @param progress function told how many bytes of how many have arrived.
 * @param models names of the .onnx files.
 * @param data name of the file of the weights that they share, if they do.
 * @returns {{runtime, session, sessions, Tokenizer, files: Uint8Array[]}} the sessions in the order
 *     of `models`, of which `session` is the first, and the files in that of `names`.
 */
export async function loadRuntime(artifact, names, progress, models = ["model.onnx"], data) {
  const count = sumOf(progress);
  const wasm = new URL("ort-wasm-simd-threaded.wasm", RUNTIME);
  const [runtime, , binary, ...read] = await Promise.all([
    library(new URL("ort.wasm.bundle.min.mjs", RUNTIME)),
    library(new URL("@mlc-ai/web-tokenizers/lib/index.js", LIBRARIES)),
    library(wasm, (href) => download(href, undefined, count())),
    ...[...models, ...names].map((name) => artifact.read(name, count())),
    ...(data ? [artifact.read(data, count())] : []),
  ]);
  const graphs = read.splice(0, models.length);
  const files = read.splice(0, names.length);
  runtime.env.wasm.numThreads = 1; // more need headers that a plain static server does not send
  runtime.env.wasm.wasmBinary = binary;
  const options = { executionProviders: ["wasm"], logSeverityLevel: 3 };
  if (data) options.externalData = [{ path: data, data: read[0] }];
  const sessions = [];
  for (const graph of graphs) sessions.push(await runtime.InferenceSession.create(graph, options));
  const { Tokenizer } = globalThis.tokenizers; // the module exports nothing
  return { runtime, session: sessions[0], sessions, Tokenizer, files };
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
