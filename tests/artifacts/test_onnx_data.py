"""Several .onnx files with one file of weights."""

import numpy as np
import onnx as onnx_package
import pytest
import tensorflow as tf

from keras_attention._validation import InputError
from keras_attention.artifacts import onnx
from keras_attention.artifacts.onnx_data import PAGE, OnnxData
from keras_attention.tasks.graph import Graph

TABLE = np.random.default_rng(0).normal(size=(60, 80)).astype("float32")  # 19 kB


def graph():
    """`ids` looks rows up, `scaled` multiplies by the same table and passes a state on."""
    table = tf.Variable(TABLE)

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.int32, name="rows")], autograph=False)
    def ids(rows):
        return {"found": tf.gather(table, rows)}

    signature = [
        tf.TensorSpec((None, 60), tf.float32, name="x"),
        tf.TensorSpec((None,), tf.float32, name="state"),
    ]

    @tf.function(input_signature=signature, autograph=False)
    def scaled(x, state):
        return {"state": state + 1, "product": tf.matmul(x, table)}

    return Graph(ids, None, {}, {}, {}, {"scaled": scaled})


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shared")
    onnx.write(folder / "model.onnx", None, graph())
    return folder


def test_a_weight_stands_once(written):
    assert sorted(path.name for path in written.iterdir()) == [
        "model.onnx",
        "model.onnx.data",
        "scaled.onnx",
    ]
    data = (written / "model.onnx.data").read_bytes()
    assert len(data) == TABLE.nbytes and data == TABLE.tobytes()
    for name in ("model.onnx", "scaled.onnx"):
        assert (written / name).stat().st_size < 4096
        onnx_package.checker.check_model(str(written / name), full_check=True)


def test_every_file_runs(written):
    rows = np.array([5, 0, 59], "int32")
    ids = onnx.signature(written / "model.onnx", "ids")
    np.testing.assert_array_equal(ids(rows=rows)["found"], TABLE[rows])
    scaled = onnx.signatures(written / "model.onnx", ["ids", "scaled"])["scaled"]
    x = np.random.default_rng(1).normal(size=(2, 60)).astype("float32")
    found = scaled(x=x, state=np.float32([3, 4, 5]))
    assert set(found) == {"state", "product"}  # as the function calls them
    np.testing.assert_allclose(found["product"], x @ TABLE, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(found["state"], [4, 5, 6])


def test_an_output_may_not_have_the_name_of_an_input(written):
    names = [each.name for each in onnx_package.load(written / "scaled.onnx").graph.output]
    assert sorted(names) == ["new_state", "product"]


def test_all_files_tell_their_operators(written):
    found = onnx.operators(written / "model.onnx")
    assert {"ai.onnx:Gather", "ai.onnx:MatMul"} <= set(found)


@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_lower_precision_is_shared_too(precision, tmp_path):
    storage = onnx.write(tmp_path / "model.onnx", None, graph(), precision)
    files = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert storage["bytes"] == files and storage["precision"] == precision
    found = onnx.signature(tmp_path / "model.onnx")(rows=np.array([7], "int32"))["found"]
    np.testing.assert_allclose(found, TABLE[[7]], atol=0.02)
    assert (found != TABLE[[7]]).any()


def test_different_tensors_have_places_of_their_own(tmp_path):
    arrays = [np.full((300, 70), value, "float32") for value in (1, 2, 1)]
    proto = onnx_package.ModelProto()
    proto.graph.initializer.extend(
        onnx_package.numpy_helper.from_array(array, f"w{i}") for i, array in enumerate(arrays)
    )
    with OnnxData(tmp_path / "data") as data:
        data.take(proto)
    places = [
        {entry.key: entry.value for entry in tensor.external_data}
        for tensor in proto.graph.initializer
    ]
    assert places[0] == places[2] != places[1]
    offset, length = (int(places[1][key]) for key in ("offset", "length"))
    assert offset % PAGE == 0
    stored = (tmp_path / "data").read_bytes()[offset : offset + length]
    assert stored == arrays[1].tobytes()


def test_it_overwrites_nothing(tmp_path):
    (tmp_path / "data").write_bytes(b"mine")
    with pytest.raises(InputError, match="cannot be written"):
        OnnxData(tmp_path / "data").__enter__()
    assert (tmp_path / "data").read_bytes() == b"mine"
