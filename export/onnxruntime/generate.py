"""Goes on with each line of standard input with an artifact's .onnx files, shown as it comes.

    python generate.py ARTIFACT [--max-new-tokens N] [--json] < prompts.txt

Needs onnxruntime, tokenizers and numpy; neither TensorFlow nor keras_attention.
"""

import numpy as np
import onnxruntime
from artifact import read_artifact
from generation import Generation, main

ROOM = 64  # positions by which the caches grow
DATA = "model.onnx.data"  # the weights of all .onnx files


class Steps:
    """The files `prefill_N.onnx` and `decode.onnx`: a prompt, then token after token.

    Args:
        manifest: of the artifact.
        load: function of the name of a file to its session.
    """

    def __init__(self, manifest, load):
        self.load = load
        self.lengths = sorted(manifest["steps"]["prefill_lengths"], reverse=True)
        inputs = manifest["signatures"]["decode"]["inputs"]
        shapes = {name: shape for name, (_, shape) in inputs.items()}
        self.shapes = {name: shapes[name] for name in shapes if name.startswith("kv_cache_")}

    def start(self, ids):
        """The logits of the token after a prompt."""
        size = max(self.room(len(ids)), self.lengths[-1])
        self.position = 0
        self.cache = {
            name: np.zeros((1, heads, size, width), np.float32)
            for name, (_, heads, _, width) in self.shapes.items()
        }
        before = ids[:-1]
        while before:
            room = size - self.position
            fitting = [n for n in self.lengths if n <= room] or [1]
            count = next((n for n in fitting if n <= len(before)), fitting[-1])
            if count == 1:
                self.decode(before[0])
            else:
                tokens = np.zeros((1, count), np.int32)  # what is behind the prompt is never read
                tokens[0, : len(before)] = before[:count]
                self.run(f"prefill_{count}", tokens)
                self.position += min(count, len(before))
            before = before[count:]
        return self.decode(ids[-1])

    def read(self, token):
        """The logits of the token after this one."""
        size = next(iter(self.cache.values())).shape[2]
        if self.position == size:
            more = [(0, 0), (0, 0), (0, ROOM), (0, 0)]
            self.cache = {name: np.pad(cache, more) for name, cache in self.cache.items()}
        return self.decode(token)

    def decode(self, token):
        logits = self.run("decode", np.array([[token]], np.int32))[0, 0]
        self.position += 1
        return logits

    def run(self, name, tokens):
        """Runs a file, keeps the new caches and gives the logits, which `decode` has."""
        count = tokens.shape[1]
        positions = np.arange(self.position, self.position + count, dtype=np.int32)
        session = self.load(f"{name}.onnx")
        names = [output.name for output in session.get_outputs()]
        values = session.run(names, {"tokens": tokens, "input_pos": positions, **self.cache})
        found = dict(zip(names, values, strict=True))
        # An output has another name than the input that it is for.
        self.cache = {name: found[f"new_{name}"] for name in self.cache}
        return found.get("logits")

    @staticmethod
    def room(count):
        return -(-count // ROOM) * ROOM


def open_generation(artifact):
    """The `Generation` of an artifact."""
    manifest, files = read_artifact(
        artifact, "language-model", "model.onnx", (DATA, "decode.onnx", "prefill_")
    )
    sessions = {}

    def load(name):
        if name not in sessions:
            options = onnxruntime.SessionOptions()
            data = files[DATA]
            options.add_external_initializers_from_files_in_memory([DATA], [data], [len(data)])
            sessions[name] = onnxruntime.InferenceSession(
                files[name], options, providers=["CPUExecutionProvider"]
            )
        return sessions[name]

    def at_once(**inputs):
        (token_ids,) = load("model.onnx").run(["token_ids"], inputs)
        return {"token_ids": token_ids}

    return Generation(manifest, files, Steps(manifest, load), at_once)


if __name__ == "__main__":
    main(__doc__, open_generation)
