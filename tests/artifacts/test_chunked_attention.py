"""A layer that computes in blocks converts to every format, with dynamic batch and lengths."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_attention.artifacts import onnx, tflite
from keras_attention.layers import AdditiveAttention
from tests.artifacts.converted import graph_of

D, SHAPES = 6, ((1, 3, 5), (2, 4, 1), (3, 9, 7))


@pytest.fixture(scope="module")
def function():
    keras.utils.set_random_seed(0)
    layer = AdditiveAttention(8, chunk_size=4, use_bias=True)
    layer(np.zeros((1, 2, D), "float32"), np.zeros((1, 2, D), "float32"))
    spec = tf.TensorSpec((None, None, D))

    @tf.function(input_signature=[spec, spec], autograph=False)
    def attend(query, value):
        return {"context": layer(query, value, use_causal_mask=True)}

    attend.layer = layer
    return attend


def arrays(batch_size, target_length, source_length):
    rng = np.random.default_rng(batch_size)
    shapes = ((batch_size, target_length, D), (batch_size, source_length, D))
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


def test_tflite(function, tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    archive = keras.export.ExportArchive()
    archive.track(function.layer)
    archive.add_endpoint("ids", function)
    archive.write_out(str(tmp_path / "saved_model"), verbose=False)
    graph, saved_model = graph_of(function), tmp_path / "saved_model"
    tflite.write(tmp_path / "model.tflite", function.layer, graph, saved_model=saved_model)
    assert not [
        op for op in tflite.operators(tmp_path / "model.tflite") if op.startswith("custom:")
    ]
    runner = Interpreter(str(tmp_path / "model.tflite")).get_signature_runner("ids")
    for shape in SHAPES:
        query, value = arrays(*shape)
        found = runner(query=query, value=value)["context"]
        np.testing.assert_allclose(found, function(query, value)["context"], atol=1e-5)


def test_onnx(function, tmp_path):
    import onnxruntime

    path = tmp_path / "model.onnx"
    onnx.write(path, function.layer, graph_of(function))
    assert {op.split(":")[0] for op in onnx.operators(path)} == {"ai.onnx"}
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for shape in SHAPES:
        query, value = arrays(*shape)
        (found,) = session.run(["context"], {"query": query, "value": value})
        np.testing.assert_allclose(found, function(query, value)["context"], atol=1e-5)
