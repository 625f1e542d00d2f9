"""Runs code in a process that can import neither TensorFlow nor Keras nor JAX."""

import os
import subprocess
import sys
from pathlib import Path

import keras_attention

_PRELUDE = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("tensorflow", "tensorflow_text", "keras", "jax"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
sys.path.insert(0, sys.argv[1])
"""


def run_without_tensorflow(code, hash_seed=0):
    """What `code` prints; hashes of strings differ with `hash_seed`, as they do between runs."""
    home = str(Path(keras_attention.__file__).parents[1])
    return subprocess.run(
        [sys.executable, "-c", _PRELUDE + code, home],
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
