"""The first translation that an interpreter makes is the one that it makes ever after.

LiteRT reuses memory while shapes change, and a graph of which XNNPACK takes many small parts once
gave other answers at the first call, depending on where memory happened to lie. So the memory lies
here as it did then: none of it is mapped anew, all of it has been used before.
"""

import subprocess
import sys

import keras
import pytest

from keras_attention.artifacts import tflite
from keras_attention.models import RNNTranslator, TransformerTranslator
from keras_attention.search_options import SearchOptions
from keras_attention.tasks.translation.graph_functions import ids_function
from tests.artifacts.converted import graph_of

V = 300
CALLS = """
import ctypes, sys
import numpy as np
from ai_edge_litert.interpreter import Interpreter

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
c = ctypes.CDLL("libc.so.6")
assert c.mallopt(M_MMAP_THRESHOLD, 1 << 30) and c.mallopt(M_TRIM_THRESHOLD, 1 << 30)
random = np.random.default_rng(0)
kept = []
for size in (32, 1, 8, 3) * 4:
    # Wherever memory lies: some of what stood between is kept.
    blocks = [np.ones(random.integers(1, 1 << 16), "float32") for _ in range(200)]
    kept.append(blocks[::7])
    del blocks
    runner = Interpreter(sys.argv[1], num_threads=1).get_signature_runner("ids")
    source_ids = random.integers(4, int(sys.argv[2]), (size, 9)).astype("int32")
    source_ids[:, -1] = 3
    first, second = runner(source_ids=source_ids), runner(source_ids=source_ids)
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=f"{size} {name}")
    assert size == 1 or len(np.unique(first["score"])) > 1
"""


def transformer(layers):
    return TransformerTranslator(
        V,
        num_layers=layers,
        num_heads=4,
        hidden_dim=128,
        intermediate_dim=256,
        max_sequence_length=64,
        normalize_first=True,
    )


def rnn():
    return RNNTranslator.from_preset(
        "small", vocabulary_size=V, units=64, embedding_dim=32, max_sequence_length=64
    )


BUILDS = {"1 layer": lambda: transformer(1), "2 layers": lambda: transformer(2), "rnn": rnn}
FAST = {("2 layers", 4)}


@pytest.mark.skipif(sys.platform != "linux", reason="asks the C library for its memory")
@pytest.mark.parametrize(
    "build, beam_size",
    [
        pytest.param(name, size, marks=() if (name, size) in FAST else pytest.mark.slow)
        for name in BUILDS
        for size in (1, 4)
    ],
)
def test_the_first_call_is_as_the_second(build, beam_size, tmp_path):
    keras.utils.set_random_seed(0)
    model = BUILDS[build]()
    search = SearchOptions(beam_size=beam_size, min_length=12, max_length=30)
    archive = keras.export.ExportArchive()
    archive.track(model)
    ids = ids_function(model, search, False, False)
    archive.add_endpoint("ids", ids)
    archive.write_out(tmp_path / "model", verbose=False)
    path, saved_model = tmp_path / "model.tflite", tmp_path / "model"
    tflite.write(path, model, graph_of(ids), saved_model=saved_model)
    run = subprocess.run(
        [sys.executable, "-c", CALLS, tmp_path / "model.tflite", str(V)],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
