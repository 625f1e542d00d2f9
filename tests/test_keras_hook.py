"""Whatever is imported first, Keras finds all classes of this package afterwards."""

import subprocess
import sys

import pytest

FIND = """
import importlib, sys
importlib.import_module(sys.argv[1])
import keras
for name in ("MultiHeadAttention", "TransformerTranslator", "LabelSmoothedCrossEntropy"):
    assert keras.saving.get_registered_object(f"keras_attention>{name}") is not None, name
"""


# A process with TensorFlow each: a package and a module quick, what takes the same ways slow.
SLOW = ("decoding", "masks", "training")


@pytest.mark.parametrize(
    "module",
    ["layers", "graph.matmul", *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)],
)
def test_any_module_may_be_imported_first(module):
    process = subprocess.run(
        [sys.executable, "-c", FIND, f"keras_attention.{module}"], capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr[-2000:]
