"""What lower precision computes in ONNX Runtime, against the same computed by hand."""

import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf
from onnx import TensorProto, helper

from keras_attention.artifacts import onnx as onnx_format
from keras_attention.artifacts import onnx_precision
from keras_attention.artifacts.onnx_graph import hoist_loop_invariants
from keras_attention.artifacts.quantization import quantize
from tests.artifacts.converted import graph_of

K, N, STEPS = 96, 64, 3
TABLE = np.random.default_rng(0).normal(0, 0.1, (N, K)).astype("float32")
MATRIX = np.random.default_rng(1).normal(0, 0.1, (N, K)).astype("float32")
IDS = np.array([[5, 0], [63, 7]], "int32")


@pytest.fixture(autouse=True)
def small_matrices_in_integers(monkeypatch):
    monkeypatch.setattr(onnx_precision, "MIN_INTEGER_ELEMENTS", 0)


@tf.function(input_signature=[tf.TensorSpec((None, None), tf.int32, name="ids")], autograph=False)
def looked_up_and_multiplied(ids):
    """A table read as in a tied embedding, and a matrix, both within a loop."""
    table, matrix = tf.constant(TABLE), tf.constant(MATRIX)

    def step(i, x):
        logits = tf.matmul(tf.reshape(x, (-1, K)), table, transpose_b=True)  # (rows, N)
        y = tf.tanh(tf.matmul(tf.tanh(logits), matrix))
        return i + 1, tf.reshape(y, tf.shape(x))

    x = tf.gather(table, ids)
    return {"y": tf.while_loop(lambda i, x: i < STEPS, step, (0, x))[1]}


def by_hand(ids, precision):
    """The same in NumPy."""

    def product(x, matrix):  # matrix (K, N)
        if precision == "float16":
            return x @ matrix.astype("float16").astype("float32")
        values, scale = quantize(matrix, (0,))
        least, greatest = x.min(-1, keepdims=True), x.max(-1, keepdims=True)
        step = (greatest - least) / np.float32(127)
        return (np.rint((x - least) / step) * step + least) @ (values * scale)

    if precision == "float16":
        x = TABLE.astype("float16").astype("float32")[ids]
    else:
        values, scale = quantize(TABLE, (1,))
        x = (values * scale)[ids]
    for _ in range(STEPS):
        x = np.tanh(product(np.tanh(product(x, TABLE.T)), MATRIX))
    return x


@pytest.fixture
def run(tmp_path):
    def run(precision, ids, function=looked_up_and_multiplied, feed="ids"):
        path = tmp_path / f"{precision}.onnx"
        onnx_format.write(path, None, graph_of(function), precision)
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        return session.run(["y"], {feed: ids})[0]

    return run


@pytest.mark.parametrize(("precision", "tolerance"), [("float16", 1e-5), ("int8", 2e-3)])
def test_it_computes_what_is_computed_by_hand(run, tmp_path, precision, tolerance):
    found = run(precision, IDS)
    np.testing.assert_allclose(found, by_hand(IDS, precision), atol=tolerance)
    assert np.abs(found - run("float32", IDS)).max() < 0.05
    ops = onnx_format.operators(tmp_path / f"{precision}.onnx")
    assert {op.split(":")[0] for op in ops} == {"ai.onnx"}
    assert ("ai.onnx:MatMulInteger" in ops) == (precision == "int8")
    assert ("ai.onnx:MatMul" in ops) == (precision == "float16")


@pytest.mark.parametrize(("precision", "bytes_each"), [("float16", 2), ("int8", 1)])
def test_a_tensor_of_several_uses_is_stored_once(tmp_path, precision, bytes_each):
    storage = onnx_format.write(
        tmp_path / "model.onnx", None, graph_of(looked_up_and_multiplied), precision
    )
    model = onnx.load(tmp_path / "model.onnx")
    sizes = {i.name: len(i.raw_data) for i in model.graph.initializer}
    assert sum(size for size in sizes.values() if size >= K * N) == 2 * K * N * bytes_each
    assert (storage["tensors"], storage["elements"]) == (2, 2 * K * N)
    assert storage["bytes"] == (tmp_path / "model.onnx").stat().st_size
    assert storage["size_ratio"] == storage["bytes"] / storage["float32_bytes"] < 0.7


def test_rows_do_not_change_each_other(run):
    """As they would with one scale for all activations."""

    @tf.function(input_signature=[tf.TensorSpec((None, K), tf.float32, name="x")], autograph=False)
    def product(x):
        return {"y": tf.matmul(x, tf.constant(TABLE.T.copy()))}

    x = np.random.default_rng(2).normal(size=(4, K)).astype("float32")
    alone = run("int8", x[:1], product, "x")
    x[1:] *= 1000
    np.testing.assert_array_equal(run("int8", x, product, "x")[:1], alone)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_largest_sums_have_room(run, sign):
    """On every processor: pairs of products must not exceed 16 bits. And rows of equal numbers."""
    matrix = np.full((K, N), 0.5, "float32")

    @tf.function(input_signature=[tf.TensorSpec((None, K), tf.float32, name="x")], autograph=False)
    def product(x):
        return {"y": tf.matmul(x, tf.constant(matrix))}

    x = np.stack([np.full(K, 3.0 * sign), np.full(K, 3.0 * sign), np.zeros(K)]).astype("float32")
    x[0, 0] = 0  # all others stand at the other end of the levels
    found = run("int8", x, product, "x")
    np.testing.assert_allclose(found[0], 1.5 * (K - 1) * sign, rtol=1e-5)
    np.testing.assert_allclose(found[1], 1.5 * K * sign, rtol=1e-6)
    np.testing.assert_array_equal(found[2], 0)


def test_numbers_of_one_sign_get_all_levels(run):
    """As after GELU: an error of a half of 127 steps between the least number and the greatest."""

    @tf.function(input_signature=[tf.TensorSpec((None, K), tf.float32, name="x")], autograph=False)
    def product(x):
        return {"y": tf.matmul(x, tf.constant(np.eye(K, dtype="float32")))}

    x = np.abs(np.random.default_rng(4).normal(size=(5, K))).astype("float32")
    step = (x.max(1) - x.min(1)) / 127
    assert (np.abs(run("int8", x, product, "x") - x).max(1) <= 0.51 * step).all()


def test_loop_invariants_are_read_from_outside():
    """A state that is passed on unchanged, read in the body and after the loop."""

    def value(name, shape=(2,), type=TensorProto.FLOAT):
        return helper.make_tensor_value_info(name, type, shape)

    body = helper.make_graph(
        [helper.make_node("Add", ["x_in", "w_in"], ["x_out"])],
        "body",
        [
            value("i", (), TensorProto.INT64),
            value("go", (), TensorProto.BOOL),
            *(value("w_in"), value("x_in")),
        ],
        [value("go", (), TensorProto.BOOL), value("w_in"), value("x_out")],
    )
    graph = helper.make_graph(
        [
            helper.make_node("Loop", ["n", "true", "w", "x"], ["w_after", "y"], body=body),
            helper.make_node("Mul", ["y", "w_after"], ["z"]),
        ],
        "graph",
        [value("x"), value("n", (), TensorProto.INT64)],
        [value("z")],
        [
            helper.make_tensor("w", TensorProto.FLOAT, [2], [1.0, 2.0]),
            helper.make_tensor("true", TensorProto.BOOL, [], [True]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    feed = {"x": np.array([1, 1], "float32"), "n": np.array(3)}

    def answer():
        onnx.checker.check_model(model, full_check=True)
        session = onnxruntime.InferenceSession(model.SerializeToString())
        return session.run(["z"], feed)[0].tolist()

    assert answer() == [4, 14]
    hoist_loop_invariants(model.graph)
    loop = model.graph.node[0]
    assert list(loop.input) == ["n", "true", "x"] and list(loop.output) == ["y"]
    assert list(loop.attribute[0].g.node[0].input) == ["x_in", "w"]
    assert answer() == [4, 14]
