"""Goes on with each line of standard input with an artifact's model.tflite, shown as it comes.

    python generate.py ARTIFACT [--max-new-tokens N] [--json] < prompts.txt

Needs ai-edge-litert, tokenizers and numpy; neither TensorFlow nor keras_attention.
"""

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from artifact import read_artifact
from generation import Generation, PromptError, main


class Steps:
    """The signatures `prefill_N` and `decode`: a prompt, then token after token.

    Args:
        manifest: of the artifact.
        interpreter: of model.tflite.
    """

    def __init__(self, manifest, interpreter):
        self.interpreter = interpreter
        self.lengths = sorted(manifest["steps"]["prefill_lengths"], reverse=True)
        self.size = manifest["steps"]["cache_length"]["tflite"]
        inputs = manifest["signatures"]["decode"]["inputs"]
        shapes = {name: shape for name, (_, shape) in inputs.items()}
        self.shapes = {name: shapes[name] for name in shapes if name.startswith("kv_cache_")}

    def start(self, ids):
        """The logits of the token after a prompt."""
        self.position = 0
        self.cache = {
            name: np.zeros((1, heads, self.size, width), np.float32)
            for name, (_, heads, _, width) in self.shapes.items()
        }
        before = ids[:-1]
        while before:
            room = self.size - self.position
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
        return self.decode(token)

    def decode(self, token):
        if self.position == self.size:
            raise PromptError(
                f"the caches hold {self.size} tokens: export with a larger --cache-length."
            )
        logits = self.run("decode", np.array([[token]], np.int32))[0, 0]
        self.position += 1
        return logits

    def run(self, name, tokens):
        """Runs a signature, keeps the new caches and gives the logits, which `decode` has."""
        count = tokens.shape[1]
        positions = np.arange(self.position, self.position + count, dtype=np.int32)
        runner = self.interpreter.get_signature_runner(name)
        found = runner(tokens=tokens, input_pos=positions, **self.cache)
        self.cache = {name: found[name] for name in self.cache}
        return found.get("logits")


def open_generation(artifact):
    """The `Generation` of an artifact."""
    manifest, files = read_artifact(artifact, "language-model", "model.tflite")
    interpreter = Interpreter(model_content=files["model.tflite"], num_threads=2)
    at_once = interpreter.get_signature_runner("ids")
    return Generation(manifest, files, Steps(manifest, interpreter), at_once)


if __name__ == "__main__":
    main(__doc__, open_generation)
