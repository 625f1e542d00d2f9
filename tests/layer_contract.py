"""What every layer of the package promises: see `check_layer`."""

import inspect
import json
from contextlib import nullcontext

import keras
import numpy as np
import pytest
from keras import ops, tree

from keras_attention.layers import BlockSparseAttention, MultiHeadAttention
from tests.backend import BACKEND, compiled, gradients, to_numpy

POLICIES = ("float32", "mixed_float16", "mixed_bfloat16")
TOLERANCE = {"float32": 1e-5, "mixed_float16": 5e-3, "mixed_bfloat16": 5e-2}


def check_layer(
    make_layer, inputs, weights, policy, path, padding=None, loading_warns=None, **options
):
    """Holds one layer to the contract.

    Args:
        make_layer: function of `dtype` that returns a new layer.
        inputs: dict of call argument -> array, the first one being positional.
        weights: dict of the trainable weights that it must have: path below the layer -> shape.
        policy: one of `POLICIES`.
        path: where the check may write a .keras file.
        padding: dict of mask (B, length) -> the input (B, length, ...) whose padding it names.
            Without masks the layer must let no position change the ones before it.
        loading_warns: what a model of the layer warns of when it is loaded, as a pattern.
        **options: call arguments that are no tensors.
    """
    keras.utils.set_random_seed(7)
    layer = make_layer(dtype=policy)
    tolerance = dict(rtol=TOLERANCE[policy], atol=TOLERANCE[policy])
    first, *others = inputs

    def call(layer, inputs):
        return layer(inputs[first], **{name: inputs[name] for name in others}, **options)

    eager = call(layer, inputs)
    expected = to_numpy(eager)
    _check_weights(layer, weights)
    _check_dtypes(layer, eager, policy)
    _check_config(layer, make_layer, policy)
    _check_shapes(layer, call, inputs, eager)
    for function in (compiled(lambda x: call(layer, x)), compiled(lambda x: call(layer, x), False)):
        tensors = {name: ops.convert_to_tensor(array) for name, array in inputs.items()}
        _assert_close(to_numpy(function(tensors)), expected, tolerance)
    _check_padding(layer, call, inputs, expected, padding or {}, tolerance)
    _check_gradients(layer, call, inputs, eager)
    _check_model(layer, call, inputs, expected, path, tolerance, loading_warns)


def _assert_close(found, expected, tolerance):
    tree.map_structure(lambda a, b: np.testing.assert_allclose(a, b, **tolerance), found, expected)


def _check_weights(layer, weights):
    found = {w.path.partition("/")[2]: tuple(w.shape) for w in layer.trainable_weights}
    assert found == weights
    shapes = [*weights.values(), *(w.shape for w in layer.non_trainable_weights)]
    assert layer.count_params() == sum(int(np.prod(shape)) for shape in shapes)


def _check_dtypes(layer, outputs, policy):
    assert {w.dtype for w in layer.trainable_weights} <= {"float32"}
    assert {w.dtype for w in layer.non_trainable_weights} <= {"int32"}
    compute_dtype = "float32" if policy == "float32" else policy.removeprefix("mixed_")
    for output in tree.flatten(outputs):
        assert keras.backend.standardize_dtype(output.dtype) == compute_dtype
        assert np.isfinite(to_numpy(output)).all()


def _check_config(layer, make_layer, policy):
    config = layer.get_config()
    assert json.loads(json.dumps(keras.saving.serialize_keras_object(layer)))  # JSON values only
    again = type(layer).from_config(config)
    assert again.get_config() == config
    # What is not in the config is lost when a model is saved.
    classes = [
        each
        for each in type(layer).__mro__
        if each.__module__.startswith("keras_attention") and "__init__" in vars(each)
    ]
    arguments = {name for c in classes for name in inspect.signature(c.__init__).parameters}
    assert arguments - {"self", "kwargs"} <= set(config)


def _check_shapes(layer, call, inputs, eager):
    symbolic = {
        name: keras.KerasTensor((None, *array.shape[1:]), dtype=str(array.dtype))
        for name, array in inputs.items()
    }
    declared = call(layer, symbolic)

    def check(spec, tensor):
        assert spec.shape[1:] == tuple(tensor.shape[1:])
        assert spec.dtype == keras.backend.standardize_dtype(tensor.dtype)

    tree.map_structure(check, declared, eager)


def _check_padding(layer, call, inputs, expected, padding, tolerance):
    first = next(iter(inputs))
    valid = np.ones(inputs[first].shape[:2], bool)
    noisy = dict(inputs)
    if not padding:
        valid[:, -1] = False
        noisy[first] = _with_noise(inputs[first], valid)
    for mask, tensor in padding.items():
        noisy[tensor] = _with_noise(inputs[tensor], inputs[mask])
        if tensor == first:
            valid = inputs[mask]

    def rows(output):  # (B, T, ...) or scores (B, H, T, S): those of valid queries; (B, D): all
        if output.ndim == 2:
            return output
        return (output.swapaxes(1, 2) if output.ndim == 4 else output)[valid]

    found = to_numpy(call(layer, noisy))
    _assert_close(tree.map_structure(rows, found), tree.map_structure(rows, expected), tolerance)

    # One sentence that is nothing but padding: its queries may attend to nothing.
    if padding:
        empty = {mask: np.where([[False], [True], [True]], inputs[mask], False) for mask in padding}
        outputs = tree.flatten(to_numpy(call(layer, {**inputs, **empty})))
        is_attention = isinstance(layer, (BlockSparseAttention, MultiHeadAttention))
        for output in outputs:
            assert np.isfinite(output).all()
            if is_attention or output.ndim == 4:  # scores, or attention that has no bias added
                assert not output[0].any()
                assert output[1:].any()


def _with_noise(tensor, mask):
    """`tensor` with something else at every position where `mask` is False."""
    mask = mask.reshape(mask.shape + (1,) * (tensor.ndim - 2))
    if tensor.dtype.kind == "i":
        return np.where(mask, tensor, (tensor + 1) % (tensor.max() + 1))
    noise = np.random.default_rng(2).normal(scale=5, size=tensor.shape).astype(tensor.dtype)
    return np.where(mask, tensor, noise)


def _check_gradients(layer, call, inputs, eager):
    if not layer.trainable_weights:
        return
    directions = tree.map_structure(
        lambda t: np.random.default_rng(1).normal(size=t.shape).astype("float32"), eager
    )

    def loss():
        outputs = tree.flatten(call(layer, inputs))
        pairs = zip(outputs, tree.flatten(directions), strict=True)
        return sum(ops.sum(ops.cast(output, "float32") * d) for output, d in pairs)

    for weight, gradient in zip(
        layer.trainable_weights, gradients(loss, layer.trainable_weights), strict=True
    ):
        assert gradient is not None, f"{weight.path} has no gradient"
        assert np.isfinite(gradient).all(), f"{weight.path} has a gradient that is not finite"
        assert np.abs(gradient).max() > 0, f"{weight.path} has a gradient of zero"


def _check_model(layer, call, inputs, expected, path, tolerance, loading_warns=None):
    """In a functional model: predict, save, load without custom objects, fit."""
    symbolic = {
        name: keras.Input(array.shape[1:], dtype=str(array.dtype), name=name)
        for name, array in inputs.items()
    }
    outputs = tree.flatten(call(layer, symbolic))
    model = keras.Model(symbolic, outputs)
    found = [to_numpy(o) for o in tree.flatten(model(inputs))]
    _assert_close(found, tree.flatten(expected), tolerance)
    model.save(path)
    warns = pytest.warns(UserWarning, match=loading_warns) if loading_warns else nullcontext()
    with warns:
        loaded = keras.saving.load_model(path)
    again = [to_numpy(o) for o in tree.flatten(loaded(inputs))]
    _assert_close(again, found, dict(rtol=0, atol=1e-6))
    if not layer.trainable_weights:
        return
    before = to_numpy([w.value for w in layer.trainable_weights])
    loss = ["mse"] * len(outputs)
    model.compile(keras.optimizers.SGD(1.0), loss=loss, jit_compile=BACKEND == "jax")
    targets = [np.ones(o.shape, "float32") for o in tree.flatten(expected)]
    history = model.fit(inputs, targets, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    after = to_numpy([w.value for w in layer.trainable_weights])
    assert any(np.abs(a - b).max() > 0 for a, b in zip(after, before, strict=True))
