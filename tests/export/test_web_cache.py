"""What `export/web/artifact.js` reads past a browser's cache, in Node with a cache of its own."""

import hashlib
import json
import shutil
import subprocess

import pytest

from tests.export.web_page import WEB

NODE = shutil.which("node")

# A server says that a file is unchanged which is no newer than the one in the cache, as Python's
# `http.server` does. `artifacts` are read one after the other, each in the place of the last.
SCRIPT = """
const [path, artifacts, digests] = process.argv.slice(1);
if (digests === "none") Object.defineProperty(globalThis, "crypto", { value: undefined });
const { Artifact } = await import(path);
const cache = new Map();
let served;
globalThis.fetch = async (url, { cache: mode }) => {
  const file = { time: served.time, text: served.files[new URL(url).pathname.slice(1)] };
  const cached = cache.get(url);
  if (mode === "reload" || !cached || served.time > cached.time) cache.set(url, file);
  else if (mode !== "no-cache") throw new Error(mode);
  return new Response(cache.get(url).text);
};
const found = [];
for (served of JSON.parse(artifacts)) {
  const lost = (url) => served.keep && !url.endsWith(served.keep);
  for (const url of [...cache.keys()].filter(lost)) cache.delete(url);
  const artifact = await Artifact.open("http://localhost/");
  const bytes = await artifact.read("model.onnx");
  found.push([artifact.manifest.labels[0], new TextDecoder().decode(bytes)]);
}
console.log(JSON.stringify(found));
"""


def artifact(letter, time, keep=None):
    """The files of an artifact, the sizes of which are the same whatever the letter.

    Before it is read, the cache loses all files but the one whose name ends with `keep`.
    """
    model = f"model {letter}"
    entry = {"bytes": len(model), "sha256": hashlib.sha256(model.encode()).hexdigest()}
    manifest = {"kind": "classifier", "labels": [letter], "files": {"model.onnx": entry}}
    files = {"manifest.json": json.dumps(manifest), "model.onnx": model}
    return {"time": time, "files": files, "keep": keep}


@pytest.mark.skipif(not NODE, reason="Node is not installed")
@pytest.mark.parametrize("digests", ["all", "none"])
@pytest.mark.parametrize("keep", [None, "model.onnx", "manifest.json"])
def test_an_older_artifact_may_take_the_place_of_a_newer_one(digests, keep):
    artifacts = [artifact("A", 2), artifact("B", 1, keep), artifact("C", 3)]
    command = [NODE, "--input-type=module", "-e", SCRIPT, "--"]
    found = subprocess.run(
        [*command, (WEB / "artifact.js").as_uri(), json.dumps(artifacts), digests],
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout) == [[letter, f"model {letter}"] for letter in "ABC"]
