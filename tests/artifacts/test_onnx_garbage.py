"""What tf2onnx leaves of a conversion does not stay in memory until Python looks for it."""

import gc

import pytest
import tensorflow as tf

from keras_attention.artifacts import onnx


@pytest.fixture
def nobody_looks():
    """Python does not look for garbage by itself."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def graphs():
    from tf2onnx.graph import Graph

    return [each for each in gc.get_objects() if isinstance(each, Graph)]


def converted():
    @tf.function(input_signature=[tf.TensorSpec((None, 3), name="x")], autograph=False)
    def function(x):
        return {"y": tf.matmul(x, tf.ones((3, 2)))}

    return onnx._converted(function, "float32")[0]


@pytest.mark.parametrize("large", [True, False])
def test_the_graphs_of_a_large_model_are_freed(nobody_looks, monkeypatch, large):
    monkeypatch.setattr(onnx, "LARGE", 0 if large else 2**24)
    before = len(graphs())
    proto = converted()
    assert proto.ByteSize() < 2**24
    assert (len(graphs()) > before) is not large
