// Loads and runs the model away from the page, which stays responsive.
//
// {open: url} is answered by {received, total} again and again and then {opened: {...}};
// {input: text} by {result: {...}}; either by {error: message} where it fails.

import { Artifact, ArtifactError } from "./artifact.js";
import { Translator } from "./translator.js";

const KINDS = { translator: Translator };

let model;

async function open(url) {
  const artifact = await Artifact.open(url);
  const { manifest } = artifact;
  const Model = Object.hasOwn(KINDS, manifest.kind) && KINDS[manifest.kind];
  if (!Model) {
    const known = Object.keys(KINDS).join(", ");
    throw new ArtifactError(`The artifact is a ${manifest.kind}; this page knows only: ${known}.`);
  }
  model = await Model.open(artifact, (received, total) => self.postMessage({ received, total }));
  return { manifest, bytes: artifact.size("model.onnx"), hasAlignment: model.hasAlignment };
}

async function run(input) {
  const start = performance.now();
  const result = await model.run(input);
  return { ...result, milliseconds: performance.now() - start };
}

self.onmessage = async ({ data }) => {
  try {
    if ("open" in data) self.postMessage({ opened: await open(data.open) });
    else self.postMessage({ result: await run(data.input) });
  } catch (error) {
    const message = error instanceof ArtifactError ? error.message : `The model failed: ${error}`;
    self.postMessage({ error: message });
  }
};
