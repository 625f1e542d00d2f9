"""What lower precision computes in LiteRT, and how the file that holds it is built."""

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from keras_attention.artifacts import tflite
from keras_attention.artifacts.quantization import quantize
from tests.artifacts.converted import graph_of

K, N, STEPS = 96, 64, 3
TABLE = np.random.default_rng(0).normal(0, 0.1, (N, K)).astype("float32")
MATRIX = np.random.default_rng(1).normal(0, 0.1, (N, K)).astype("float32")
STACK = np.random.default_rng(2).normal(0, 0.1, (2, K, N)).astype("float32")
IDS = np.array([[5, 0], [63, 7]], "int32")


@tf.function(input_signature=[tf.TensorSpec((None, None), tf.int32, name="ids")], autograph=False)
def looked_up_and_multiplied(ids):
    """A table read as in a tied embedding and a matrix in a loop, and a stack of matrices."""
    table, matrix = tf.constant(TABLE), tf.constant(MATRIX)

    def step(i, x):
        logits = tf.matmul(tf.reshape(x, (-1, K)), table, transpose_b=True)  # (rows, N)
        y = tf.tanh(tf.matmul(tf.tanh(logits), matrix))
        return i + 1, tf.reshape(y, tf.shape(x))

    x = tf.gather(table, ids)
    y = tf.while_loop(lambda i, x: i < STEPS, step, (0, x))[1]
    y = tf.reshape(y, (2, -1, K))
    return {"rows": x, "y": tf.matmul(y, tf.constant(STACK))}


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory):
    directory = tmp_path_factory.mktemp("saved") / "model"
    module = tf.Module()
    module.ids = looked_up_and_multiplied
    tf.saved_model.save(module, str(directory), signatures={"ids": module.ids})
    return directory


def write(path, saved_model, precision):
    graph = graph_of(looked_up_and_multiplied)
    return tflite.write(path, None, graph, precision, saved_model)


@pytest.fixture
def run(saved_model, tmp_path):
    def run(precision, ids=IDS):
        path = tmp_path / f"{precision}.tflite"
        write(path, saved_model, precision)
        interpreter = Interpreter(str(path), num_threads=1)
        runner = interpreter.get_signature_runner("ids")
        first = runner(ids=ids)
        again = runner(ids=ids)  # what is computed once must still be there
        np.testing.assert_array_equal(first["y"], again["y"])
        return first

    return run


def test_float16(run):
    found, exact = run("float16"), run("float32")
    np.testing.assert_array_equal(found["rows"], TABLE.astype("float16").astype("float32")[IDS])
    np.testing.assert_allclose(found["y"], exact["y"], atol=2e-3)
    assert np.abs(found["y"] - exact["y"]).max() > 0


def test_int8(run, tmp_path):
    found, exact = run("int8"), run("float32")
    values, scale = quantize(TABLE, (1,))
    np.testing.assert_allclose(found["rows"], (values * scale)[IDS], rtol=1e-6)
    np.testing.assert_allclose(found["y"], exact["y"], atol=0.05)
    assert not [op for op in tflite.operators(tmp_path / "int8.tflite") if op.startswith("custom:")]


def test_rows_do_not_change_each_other(run):
    alone = run("int8", IDS)
    together = run("int8", np.concatenate([IDS, IDS[:, ::-1] * 0 + 33, IDS], axis=1))
    np.testing.assert_allclose(together["y"][0, :2], alone["y"][0, :2], atol=1e-6)


@pytest.mark.parametrize(("precision", "bytes_each"), [("float16", 2), ("int8", 1)])
def test_a_tensor_of_several_uses_is_stored_once_and_aligned(
    saved_model, tmp_path, precision, bytes_each
):
    path = tmp_path / "model.tflite"
    storage = write(path, saved_model, precision)
    data = path.read_bytes()
    model = schema.Model.GetRootAs(data)
    starts, sizes = [], []
    whole = np.frombuffer(data, "uint8").__array_interface__["data"][0]
    for index in range(model.BuffersLength()):
        buffer = model.Buffers(index)
        if buffer.DataLength() >= K * N:
            sizes.append(buffer.DataLength())
            starts.append(buffer.DataAsNumpy().__array_interface__["data"][0] - whole)
    assert sorted(sizes) == [n * K * N * bytes_each for n in (1, 1, 2)]
    assert not any(start % 16 for start in starts)
    assert (storage["tensors"], storage["elements"]) == (3, 4 * K * N)
    assert storage["bytes"] == len(data)
    assert storage["size_ratio"] == storage["bytes"] / storage["float32_bytes"] < 0.75
