"""The conversion to ONNX, apart from what is converted."""

import os

import numpy as np
import pytest
import tensorflow as tf
import tf2onnx

from keras_attention.artifacts import onnx
from keras_attention.tasks.task import Graph

VARIABLE = tf2onnx.constants.ENV_TF2ONNX_CATCH_ERRORS


@tf.function(input_signature=[tf.TensorSpec((None, 3), tf.float32, "x")])
def doubled(x):
    return {"y": tf.identity(x) * 2}


def answer(path):
    onnx.write(path, None, Graph(doubled, None, {}, {}, {}))
    return onnx.signature(path)(x=np.ones((2, 3), "float32"))["y"]


@pytest.mark.parametrize("given", [None, "anything"])
def test_a_pass_that_fails_is_left_out(tmp_path, monkeypatch, given):
    copies = []

    class Failing:
        graph_been_opt = False

        def optimize(self, graph, iteration):
            copies.append(os.environ.get(VARIABLE))
            raise ValueError("no such luck")

    monkeypatch.delenv(VARIABLE, raising=False)
    if given:
        monkeypatch.setenv(VARIABLE, given)
    np.testing.assert_array_equal(answer(tmp_path / "a.onnx"), np.full((2, 3), 2.0))
    assert os.environ.get(VARIABLE) == given
    monkeypatch.setitem(tf2onnx.optimizer._optimizers, "remove_identity", Failing)
    np.testing.assert_array_equal(answer(tmp_path / "b.onnx"), np.full((2, 3), 2.0))
    assert copies[0] == "FALSE" and None in copies  # tried without copies first
    assert os.environ.get(VARIABLE) == given
