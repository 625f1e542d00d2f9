"""Inputs and outputs of .onnx files name their sizes, which tf2onnx numbers anew each time."""

import onnx
import pytest
from onnx import TensorProto, helper

from keras_attention.artifacts.onnx_dimensions import name_dimensions
from tests.tasks.small_models import exported


def sizes(value):
    shape = value.type.tensor_type.shape
    return [d.dim_param or d.dim_value for d in shape.dim]


def graph():
    """An input (N, S), outputs (N, T) and (N, 3), and a tensor within."""
    values = {
        "ids": ["unk__1", "unk__2"],
        "out": ["unk__1", "unk__3"],
        "unranked": None,
        "inner": ["unk__2", 4, "unk__9"],
    }
    infos = {
        name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in values.items()
    }
    nodes = [helper.make_node("Identity", ["ids"], [name]) for name in ("out", "unranked")]
    outputs = [infos["out"], infos["unranked"]]
    return helper.make_graph(nodes, "g", [infos["ids"]], outputs, value_info=[infos["inner"]])


def test_names_of_a_translator_and_of_what_is_within():
    found = graph()
    signature = {
        "inputs": {"ids": ["int32", ["N", "S"]]},
        "outputs": {"out": ["int32", ["N", "T"]], "unranked": ["float32", ["N", 3, "K"]]},
    }
    name_dimensions(found, signature)
    assert sizes(found.input[0]) == ["batch", "source_length"]
    assert sizes(found.output[0]) == ["batch", "target_length"]
    assert sizes(found.output[1]) == ["batch", 0, "K"]
    assert sizes(found.value_info[0]) == ["source_length", 4, "unk__9"]


@pytest.mark.parametrize(
    ("name", "inputs", "outputs"),
    [
        ("translator", {"source_ids": ["batch", "source_length"]}, ["batch", "target_length"]),
        ("classifier", {"token_ids": ["batch", "length"]}, ["batch", 3]),
        ("embedding", {"token_ids": ["batch", "length"]}, ["batch", 8]),
    ],
)
def test_exported_files(once, name, inputs, outputs):
    model = onnx.load(exported(once, name) / "model.onnx")
    assert {value.name: sizes(value) for value in model.graph.input} == inputs
    (found,) = [v for v in model.graph.output if v.name not in ("score", "alignment")]
    assert sizes(found) == outputs
    assert b"unk__" not in b"".join(v.SerializeToString() for v in model.graph.output)
