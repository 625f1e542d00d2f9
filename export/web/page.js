// The page: a text, its translation line by line, and the alignment of the line with the caret.

import { describe, heatmap } from "./heatmap.js";
import { LineResults } from "./line_results.js";
import { ModelClient } from "./model_client.js";

const PAUSE = 150; // milliseconds without a key before the model runs
const HINTS = {
  nothing: "Shows for each word of the translation which source words it was read from.",
  alignment: "Point at a cell for its weight.",
  impossible:
    "This artifact holds no alignments. To see them, export it with --with-alignments.",
};

const $ = Object.fromEntries([...document.querySelectorAll("[id]")].map((each) => [each.id, each]));
const folder = new URLSearchParams(location.search).get("artifact") || "artifact";
const artifact = new URL(`${folder.replace(/\/+$/, "")}/`, document.baseURI).href;

const client = new ModelClient(showProgress);
const results = new LineResults((line) => client.run(line), render, fail);
let model; // what the worker says of it, once it is loaded
let shown; // the alignment in the table
let timer;

function lines() {
  return $.source.value.split("\n");
}

/** The line with the caret, or the last one before it that is not blank. */
function selectedLine() {
  const all = lines();
  let line = $.source.value.slice(0, $.source.selectionEnd).split("\n").length - 1;
  while (line > 0 && !all[line].trim()) line--;
  return all[line].trim() ? line : Math.max(0, all.findIndex((each) => each.trim()));
}

function typed() {
  clearTimeout(timer);
  render();
  if (model) timer = setTimeout(() => results.want(lines(), selectedLine()), PAUSE);
}

function render() {
  const all = lines();
  const selected = selectedLine();
  const several = all.filter((line) => line.trim()).length > 1;
  while ($.target.childElementCount > all.length) $.target.lastChild.remove();
  all.forEach((line, i) => {
    const row = $.target.children[i] ?? $.target.appendChild(document.createElement("p"));
    const result = line ? results.get(line) : { output: "" };
    row.classList.toggle("awaited", !result); // what it said before stays, dimmed
    row.classList.toggle("selected", several && i === selected);
    if (result && row.textContent !== result.output) row.textContent = result.output;
  });
  const awaited = all.some((line) => line && !results.get(line));
  $.target.setAttribute("aria-busy", awaited);
  const result = results.get(all[selected]);
  $.note.textContent = all.map(noteOfLine).filter(Boolean).join(" ");
  $.time.textContent = result?.output && !awaited ? `${Math.round(result.milliseconds)} ms` : "";
  renderAlignment(result, all[selected]);
}

function noteOfLine(line, i) {
  const result = results.get(line);
  if (!result?.cut) return "";
  const maximum = model.manifest.decoding.max_source_length.toLocaleString("en");
  const tokens = result.tokens.toLocaleString("en");
  const begin = lines().length > 1 ? `Line ${i + 1}: ` : "";
  const fault = `${tokens} tokens are more than the model’s maximum of ${maximum}`;
  return `${begin}${fault}; only the first are translated.`;
}

function renderAlignment(result, line) {
  $.alignment.classList.toggle("awaited", Boolean(line?.trim()) && !result);
  if (line?.trim() && !result) return;
  const alignment = result?.alignment;
  $.heatmap.hidden = $.scale.hidden = !alignment;
  if (alignment && alignment === shown) return;
  if (alignment) $.heatmap.replaceChildren(heatmap(alignment));
  shown = alignment;
  const impossible = model && !model.hasAlignment;
  $.hint.textContent = HINTS[alignment ? "alignment" : impossible ? "impossible" : "nothing"];
}

function pointAt(event) {
  const words = shown && describe(event.target, shown);
  if (words) $.hint.textContent = words;
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

function showFacts({ manifest, bytes }) {
  const { decoding } = manifest;
  const facts = {
    Model: [manifest.architecture, manifest.preset].filter(Boolean).join(" "),
    Search: decoding.beam_size > 1 ? `beam of ${decoding.beam_size}` : decoding.method,
    Precision: manifest.precision,
    Size: `${(bytes / 1e6).toFixed(1)} MB`,
    "Longest source": `${decoding.max_source_length} tokens`,
  };
  for (const [name, value] of Object.entries(facts).filter(([, value]) => value)) {
    const [term, description] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = name;
    description.textContent = value;
    const pair = document.createElement("div");
    pair.append(term, description);
    $.facts.append(pair);
  }
}

function fail(error) {
  $.error.hidden = false;
  $.reason.textContent = error.message;
  $.folder.textContent = artifact;
  $.progress.hidden = true;
  $.status.textContent = "";
  $.source.disabled = true;
  $.workspace.hidden = $.alignment.hidden = true;
}

$.source.addEventListener("input", typed);
document.addEventListener("selectionchange", render);
for (const event of ["pointerover", "pointerdown"]) $.heatmap.addEventListener(event, pointAt);
render();
$.status.textContent = "Loading";
try {
  model = await client.open(artifact);
  $.progress.hidden = true;
  $.status.textContent = "";
  showFacts(model);
  typed();
} catch (error) {
  fail(error);
}
