"""The lists of operators show one that is not built in."""

import onnx
import pytest
import tensorflow as tf
from onnx import TensorProto, helper

from keras_attention.artifacts import onnx as onnx_format
from keras_attention.artifacts import tflite
from tests.artifacts.converted import graph_of


def saved(directory, function):
    module = tf.Module()
    module.ids = tf.function(
        function, input_signature=[tf.TensorSpec((None,), tf.float32)], autograph=False
    )
    tf.saved_model.save(module, str(directory), signatures={"ids": module.ids})
    return module.ids


def write_tflite(directory, ids):
    saved_model = directory / "model"
    tflite.write(directory / "model.tflite", None, graph_of(ids), saved_model=saved_model)


def test_tflite_ops_show_a_custom_one(tmp_path):
    saved(tmp_path / "model", lambda x: {"y": tf.math.igamma(x + 1.0, x)})
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "model"), ["ids"])
    converter.allow_custom_ops = True
    (tmp_path / "model.tflite").write_bytes(converter.convert())
    assert tflite.operators(tmp_path / "model.tflite") == ["ADD", "custom:Igamma"]


def test_write_tflite_refuses_what_is_not_built_in(tmp_path):
    ids = saved(tmp_path / "model", lambda x: {"y": tf.math.igamma(x + 1.0, x)})
    with pytest.raises(Exception, match="Igamma"):
        write_tflite(tmp_path, ids)
    assert not (tmp_path / "model.tflite").exists()


def test_tflite_ops_of_built_in_ones(tmp_path):
    ids = saved(tmp_path / "model", lambda x: {"y": tf.exp(x) + 1.0})
    write_tflite(tmp_path, ids)
    assert tflite.operators(tmp_path / "model.tflite") == ["ADD", "EXP"]


def test_write_onnx_refuses_what_it_cannot_convert(tmp_path):
    ids = saved(tmp_path / "model", lambda x: {"y": tf.math.igamma(x + 1.0, x)})
    with pytest.raises(onnx.checker.ValidationError, match="Igamma"):
        onnx_format.write(tmp_path / "model.onnx", None, graph_of(ids))


def test_onnx_ops_show_a_custom_one_within_a_branch(tmp_path):
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    custom = helper.make_node("Special", ["x"], ["y"], domain="com.example")
    standard = helper.make_node("Relu", ["x"], ["y"])
    node = helper.make_node(
        "If",
        ["c"],
        ["z"],
        then_branch=helper.make_graph([custom], "then", [], [y]),
        else_branch=helper.make_graph([standard], "else", [], [y]),
    )
    graph = helper.make_graph(
        [node],
        "graph",
        [
            helper.make_tensor_value_info("c", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [1]),
        ],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, [1])],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.example", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets), str(tmp_path / "model.onnx"))
    assert onnx_format.operators(tmp_path / "model.onnx") == [
        "ai.onnx:If",
        "ai.onnx:Relu",
        "com.example:Special",
    ]
