"""Runs code on `keras_attention.text` in a process that cannot import TensorFlow, Keras or JAX."""

import os
import subprocess
import sys
from pathlib import Path

import keras_attention

_PRELUDE = """
import sys, types
for name in ("tensorflow", "tensorflow_text", "keras", "jax"):
    sys.modules[name] = None
package = types.ModuleType("keras_attention")  # without its layers, which need Keras
package.__path__ = [sys.argv[1]]
sys.modules["keras_attention"] = package
"""


def run_without_tensorflow(code, hash_seed=0):
    """What `code` prints; hashes of strings differ with `hash_seed`, as they do between runs."""
    package = str(Path(keras_attention.__file__).parent)
    return subprocess.run(
        [sys.executable, "-c", _PRELUDE + code, package],
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
