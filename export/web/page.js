// The page: opens the artifact and shows what it is, in the view of its kind.

import { ClassifierView } from "./classifier_view.js";
import { $, element } from "./dom.js";
import { EmbeddingView } from "./embedding_view.js";
import { GeneratorView } from "./generator_view.js";
import { ModelClient } from "./model_client.js";
import { TranslatorView } from "./translator_view.js";

const PAUSE = 150; // milliseconds without a key before the model runs
const VIEWS = {
  translator: TranslatorView,
  classifier: ClassifierView,
  embedding: EmbeddingView,
  "language-model": GeneratorView,
};

const folder = new URLSearchParams(location.search).get("artifact") || "artifact";
const artifact = new URL(`${folder.replace(/\/+$/, "")}/`, document.baseURI).href;

const client = new ModelClient(showProgress);
let view; // once the artifact's kind is known
let ready = false; // once the model is loaded
let timer;

function typed() {
  clearTimeout(timer);
  view?.render();
  if (ready) timer = setTimeout(() => view.ask(), PAUSE);
}

function showProgress(received, total) {
  const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
  $.progress.hidden = false;
  $.progress.max = total;
  $.progress.value = received;
  $.status.textContent =
    received < total
      ? `Loading ${megabytes(received)} of ${megabytes(total)} MB`
      : "Preparing the model";
}

function showFacts({ architecture, preset, precision }, bytes, others) {
  const facts = {
    Model: [architecture, preset].filter(Boolean).join(" "),
    Precision: precision,
    Size: `${(bytes / 1e6).toFixed(1)} MB`,
    ...others,
  };
  for (const [name, value] of Object.entries(facts).filter(([, value]) => value)) {
    const pair = element("div");
    pair.append(element("dt", name), element("dd", value));
    $.facts.append(pair);
  }
}

function fail(error) {
  $.error.hidden = false;
  $.reason.textContent = error.message;
  $.folder.textContent = artifact;
  $.progress.hidden = true;
  $.status.textContent = "";
  $.source.disabled = $.second.disabled = true;
  $.workspace.hidden = $.alignment.hidden = true;
}

for (const field of [$.source, $.second]) field.addEventListener("input", typed);
$.status.textContent = "Loading";
try {
  const manifest = await client.open(artifact);
  const run = (input, shown) => client.run(input, shown);
  view = new VIEWS[manifest.kind](manifest, run, fail, () => client.stop());
  document.title = $.title.textContent = view.title;
  view.render();
  const loaded = await client.load();
  view.begin(loaded);
  ready = true;
  $.progress.hidden = true;
  $.status.textContent = "";
  const compared = !loaded.hasDigests && "by size alone, for want of https";
  showFacts(manifest, loaded.bytes, { ...view.facts, "Files compared": compared });
  typed();
} catch (error) {
  fail(error);
}
