"""Block-sparse attention is exported sparse, for any batch and length."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_attention.artifacts import onnx, tflite
from keras_attention.models import BigBirdEncoder
from tests.artifacts.converted import graph_of

V, SHAPES = 11, ((1, 7), (2, 64), (3, 45), (1, 1))


@pytest.fixture(scope="module")
def function():
    keras.utils.set_random_seed(0)
    model = BigBirdEncoder(
        vocabulary_size=V,
        num_layers=1,
        num_heads=2,
        hidden_dim=8,
        intermediate_dim=12,
        max_sequence_length=256,
        block_size=4,
        num_random_blocks=1,
        has_pooler=False,
    )
    for weight in model.trainable_weights:
        weight.assign(weight + keras.random.normal(weight.shape, stddev=0.3))

    @tf.function(input_signature=[tf.TensorSpec((None, None), tf.int32)], autograph=False)
    def encode(token_ids):
        mask = tf.cast(token_ids != 0, tf.int32)
        inputs = {"token_ids": token_ids, "segment_ids": 0 * token_ids, "padding_mask": mask}
        return {"vectors": model(inputs)["sequence_output"]}

    encode.model = model
    return encode


@pytest.fixture(scope="module")
def saved_model(function, tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "saved_model"
    archive = keras.export.ExportArchive()
    archive.track(function.model)
    archive.add_endpoint("ids", function)
    archive.write_out(str(path), verbose=False)
    return path


def ids(rows, length):
    """Rows that end at different places."""
    found = np.random.default_rng(length).integers(1, V, (rows, length)).astype("int32")
    ends = np.linspace(length, length // 3, rows).astype(int)
    return np.where(np.arange(length) < ends[:, None], found, 0).astype("int32")


def require_same(run, function):
    for shape in SHAPES:
        token_ids = ids(*shape)
        expected = np.asarray(function(token_ids)["vectors"])
        tokens = token_ids != 0
        np.testing.assert_allclose(run(token_ids)[tokens], expected[tokens], atol=2e-5)


def require_linear(sizes_of):
    """No tensor has an entry for each pair of tokens, and the largest grows with the length."""
    found = {length: sizes_of(length) for length in (128, 256)}
    for length, sizes in found.items():
        assert not [size for size in sizes if size >= length * length]
    assert max(found[256]) <= 2.1 * max(found[128])


def test_saved_model(function, saved_model):
    loaded = tf.saved_model.load(str(saved_model)).signatures["ids"]
    require_same(lambda x: np.asarray(loaded(tf.constant(x))["vectors"]), function)

    def sizes(length):
        concrete = tf.function(
            lambda: function.python_function(tf.constant(ids(1, length))), autograph=False
        ).get_concrete_function()
        graphs = [concrete.graph]
        tensors = [tensor for g in graphs for op in g.get_operations() for tensor in op.outputs]
        return [int(np.prod(t.shape)) for t in tensors if t.shape.is_fully_defined()]

    require_linear(sizes)


def test_tflite(function, saved_model, tmp_path):
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    path = tmp_path / "model.tflite"
    tflite.write(path, function.model, graph_of(function), saved_model=saved_model)
    assert not [name for name in tflite.operators(path) if name.startswith("custom:")]
    runner = Interpreter(str(path)).get_signature_runner("ids")
    require_same(lambda x: runner(token_ids=x)["vectors"], function)

    def sizes(length):
        # A delegate would keep the shapes of its own tensors to itself.
        plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        interpreter = Interpreter(str(path), experimental_op_resolver_type=plain)
        interpreter.get_signature_runner("ids")(token_ids=ids(1, length))
        return [int(np.prod(tensor["shape"])) for tensor in interpreter.get_tensor_details()]

    require_linear(sizes)


def test_onnx(function, tmp_path):
    import onnx as onnx_package
    import onnxruntime

    path = tmp_path / "model.onnx"
    onnx.write(path, function.model, graph_of(function))
    assert {name.split(":")[0] for name in onnx.operators(path)} == {"ai.onnx"}

    def run(path, names):
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
        return lambda x: session.run(names, {"token_ids": x})

    one = run(path, ["vectors"])
    require_same(lambda x: one(x)[0], function)

    # The same graph with every tensor for an output.
    proto = onnx_package.load(str(path))
    names = [name for node in proto.graph.node for name in node.output if name]
    others = {output.name for output in proto.graph.output}
    for name in names:
        if name not in others:
            proto.graph.output.append(onnx_package.ValueInfoProto(name=name))
    onnx_package.save(proto, str(tmp_path / "all.onnx"))
    everything = run(tmp_path / "all.onnx", names)
    require_linear(lambda length: [x.size for x in everything(ids(1, length))])
