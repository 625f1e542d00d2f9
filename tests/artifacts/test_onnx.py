"""The conversion to ONNX, apart from what is converted."""

import os

import numpy as np
import pytest
import tensorflow as tf
import tf2onnx

from keras_attention.artifacts import onnx
from keras_attention.tasks.graph import Graph

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


@tf.function(input_signature=[tf.TensorSpec((None, 3), tf.float32, "x")])
def counted(x):
    """A loop in a loop, whose bodies have several outputs, one of them unused."""

    def inner(step, total, unused):
        return step + 1, total + tf.reduce_sum(x), unused * 2

    def outer(step, total, seen):
        _, total, _ = tf.while_loop(lambda i, *_: i < step, inner, (0, total, total))
        return step + 1, total, tf.where(total > 2.0, seen + 1, seen)

    _, total, seen = tf.while_loop(lambda i, *_: i < 4, outer, (0, 0.0, 0))
    return {"y": total, "seen": seen}


def test_the_nodes_that_are_used_are_those_that_tf2onnx_finds(tmp_path, monkeypatch):
    found, search = [], tf2onnx.graph.Graph.extract_sub_graph_nodes
    own = onnx._used_nodes

    def both(graph, *args, **kwargs):
        nodes = own(graph, *args, **kwargs)
        assert set(nodes) == set(search(graph, *args, **kwargs)) and len(set(nodes)) == len(nodes)
        found.append((len(nodes), len(graph.get_nodes())))
        return nodes

    monkeypatch.setattr(onnx, "_used_nodes", both)
    path = tmp_path / "a.onnx"
    onnx.write(path, None, Graph(counted, None, {}, {}, {}))
    assert tf2onnx.graph.Graph.extract_sub_graph_nodes is search
    assert any(used < all_nodes for used, all_nodes in found)
    answers = onnx.signature(path)(x=np.ones((2, 3), "float32"))
    assert (answers["y"], answers["seen"]) == (36.0, 3)  # 6 for each of 0 + 1 + 2 + 3 passes
