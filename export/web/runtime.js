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
 * Loads an artifact's model.onnx, what runs it, and what reads its tokenizer.
 *
 * @param artifact an `Artifact`.
 * @param names of the tokenizer's files.
 * @param progress function told how many bytes of how many have arrived.
 * @returns {{runtime, session, Tokenizer, files: Uint8Array[]}} the files in the order of `names`.
 */
export async function loadRuntime(artifact, names, progress) {
  const count = sumOf(progress);
  const wasm = new URL("ort-wasm-simd-threaded.wasm", RUNTIME);
  const [runtime, , model, binary, ...files] = await Promise.all([
    library(new URL("ort.wasm.bundle.min.mjs", RUNTIME)),
    library(new URL("@mlc-ai/web-tokenizers/lib/index.js", LIBRARIES)),
    artifact.read("model.onnx", count()),
    library(wasm, (href) => download(href, undefined, count())),
    ...names.map((name) => artifact.read(name, count())),
  ]);
  runtime.env.wasm.numThreads = 1; // more need headers that a plain static server does not send
  runtime.env.wasm.wasmBinary = binary;
  const session = await runtime.InferenceSession.create(model, {
    executionProviders: ["wasm"],
    logSeverityLevel: 3,
  });
  const { Tokenizer } = globalThis.tokenizers; // the module exports nothing
  return { runtime, session, Tokenizer, files };
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
