// Loads and runs the model away from the page, which stays responsive.
//
// {open: url} is answered by {answer: manifest}, {load: true} by {received, total} again and again
// and then {answer: {bytes, hasAlignment, hasDigests}}, {input} by {answer: result}, of a language
// model by {part} again and again before; each by {error: message} where it fails. {stop: true} ends
// such a text, and has no answer.

import { Artifact, ArtifactError, hasDigests } from "./artifact.js";
import { Classifier } from "./classifier.js";
import { Embedder } from "./embedder.js";
import { Generator } from "./generator.js";
import { Translator } from "./translator.js";

const KINDS = {
  translator: Translator,
  classifier: Classifier,
  embedding: Embedder,
  "language-model": Generator,
};

let artifact;
let model;

/** Reads the manifest, and what of it tells whether the page can use the artifact. */
async function open(url) {
  artifact = await Artifact.open(url);
  const { kind, formats } = artifact.manifest;
  if (!Object.hasOwn(KINDS, kind)) {
    const known = Object.keys(KINDS).join(", ");
    throw new ArtifactError(`The artifact is a ${kind}; this page knows only: ${known}.`);
  }
  if (!formats.includes("onnx")) {
    throw new ArtifactError(
      `The artifact holds no model.onnx, only ${formats.join(", ")}. ` +
        "Export it with onnx among its --formats.",
    );
  }
  return artifact.manifest;
}

async function load() {
  const Model = KINDS[artifact.manifest.kind];
  model = await Model.open(artifact, (received, total) => self.postMessage({ received, total }));
  const files = model.files ?? ["model.onnx"];
  const bytes = files.reduce((sum, name) => sum + artifact.size(name), 0);
  return { bytes, hasAlignment: model.hasAlignment, hasDigests };
}

async function run(input) {
  const start = performance.now();
  const result = await model.run(input, (part) => self.postMessage({ part }));
  return { ...result, milliseconds: performance.now() - start };
}

self.onmessage = async ({ data }) => {
  if ("stop" in data) return model?.stop?.();
  try {
    const answer = "open" in data ? open(data.open) : "load" in data ? load() : run(data.input);
    self.postMessage({ answer: await answer });
  } catch (error) {
    const message = error instanceof ArtifactError ? error.message : `The model failed: ${error}`;
    self.postMessage({ error: message });
  }
};
