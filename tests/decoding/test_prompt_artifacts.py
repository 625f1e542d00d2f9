"""Generation from prompts in the formats that are exported: the same ids."""

import keras
import numpy as np
import pytest

from keras_attention.decoding import SearchOptions, search
from tests.backend import BACKEND
from tests.decoding.language_model import language_model, prompts
from tests.decoding.test_prompts import ROWS

if BACKEND != "tensorflow":
    pytest.skip("artifacts are written by TensorFlow", allow_module_level=True)

import tensorflow as tf

# Longer than the room that a state has at first, and than half of the rows go on.
OPTIONS = SearchOptions(max_length=20, min_length=2)
SHAPES = [prompts(ROWS), prompts(ROWS[:1]), prompts(ROWS[1:3], width=7)]


@pytest.fixture(scope="module")
def function():
    model = language_model()

    @tf.function(
        input_signature=[
            # Not "token_ids": the converter to ONNX takes an input for the output of that name.
            tf.TensorSpec((None, None), tf.int32, name="prompt_ids"),
            tf.TensorSpec((None,), tf.int32, name="lengths"),
        ],
        autograph=False,
    )
    def ids(prompt_ids, lengths):
        return search(model, {"token_ids": prompt_ids, "lengths": lengths}, OPTIONS)

    ids.model = model
    return ids


@pytest.fixture(scope="module")
def answers(function):
    """What Keras itself gives for each of the shapes."""
    return [search(function.model, inputs, OPTIONS) for inputs in SHAPES]


def check(answers, run):
    """`run(prompt_ids=, lengths=)` gives the ids of Keras itself, for several shapes."""
    for inputs, expected in zip(SHAPES, answers, strict=True):
        found = run(prompt_ids=inputs["token_ids"], lengths=inputs["lengths"])
        np.testing.assert_array_equal(found["token_ids"], expected["token_ids"])
        np.testing.assert_allclose(found["score"], expected["score"], atol=1e-4)


def test_in_rounds(function, answers):
    check(answers, function)


def test_tflite(function, answers, tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    from keras_attention.artifacts import tflite
    from tests.artifacts.converted import graph_of

    archive = keras.export.ExportArchive()
    archive.track(function.model)
    archive.add_endpoint("ids", function)
    archive.write_out(str(tmp_path / "saved_model"), verbose=False)
    graph, saved_model = graph_of(function), tmp_path / "saved_model"
    tflite.write(tmp_path / "model.tflite", function.model, graph, saved_model=saved_model)
    operators = tflite.operators(tmp_path / "model.tflite")
    assert not [op for op in operators if op.startswith("custom:")]
    check(answers, Interpreter(str(tmp_path / "model.tflite")).get_signature_runner("ids"))


def test_onnx(function, answers, tmp_path):
    import onnxruntime

    from keras_attention.artifacts import onnx
    from tests.artifacts.converted import graph_of

    path = tmp_path / "model.onnx"
    onnx.write(path, function.model, graph_of(function))
    assert {op.split(":")[0] for op in onnx.operators(path)} == {"ai.onnx"}
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def run(**inputs):
        return dict(zip(names, session.run(None, inputs), strict=True))

    check(answers, run)
