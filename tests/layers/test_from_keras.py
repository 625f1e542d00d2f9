"""Weights between stock layers and ours: the same answers on either side."""

import keras
import numpy as np
import pytest

from keras_attention.layers import (
    AdditiveAttention,
    MultiHeadAttention,
    MultiplicativeAttention,
    from_keras,
    to_keras,
)
from tests.backend import to_numpy

B, T, S, D = 2, 5, 7, 8
RNG = np.random.default_rng(8)
X, LONG = RNG.normal(size=(B, T, D)), RNG.normal(size=(B, S, D))
OPTIONS = dict(value_dim=3, output_shape=9, sliding_window=3, kernel_regularizer="l2", dropout=0.1)
INPUTS = {
    "self": (X, X),
    "cross": (X, LONG),
    "another width": (X, LONG[..., :6]),
    "a key": (X, LONG[..., :6], LONG[..., :4]),
}


@pytest.mark.parametrize("options", [{}, {"use_bias": False}, OPTIONS], ids=["", "no bias", "all"])
@pytest.mark.parametrize("case", INPUTS)
def test_there_and_back(case, options):
    keras.utils.set_random_seed(1)
    inputs = [x.astype("float32") for x in INPUTS[case]]
    stock = keras.layers.MultiHeadAttention(2, 4, bias_initializer="normal", **options)
    mask = np.ones((1, T, inputs[1].shape[1]), bool)
    mask[..., 1] = False
    call = dict(attention_mask=mask, return_attention_scores=True)
    expected = to_numpy(stock(*inputs, **call))
    ours = from_keras(stock)
    assert (ours.name, ours.dropout, ours.sliding_window) == (
        stock.name,
        options.get("dropout", 0.0),
        options.get("sliding_window"),
    )
    assert ours.count_params() == stock.count_params()
    again = to_keras(ours)
    for layer in (ours, again):
        for one, other in zip(to_numpy(layer(*inputs, **call)), expected, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)
    for one, other in zip(again.get_weights(), stock.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(
        float(sum(ours.losses, 0.0)), float(sum(stock.losses, 0.0)), rtol=1e-5
    )


def test_what_has_no_counterpart_is_refused():
    class Other(MultiHeadAttention):
        pass

    gated = keras.layers.MultiHeadAttention(2, 4, use_gate=True)
    gated(X, X)
    wide = keras.layers.MultiHeadAttention(2, 4, output_shape=(3, 4))
    wide(X, X)
    other = Other(2, 4)
    other(X)
    unbuilt = keras.layers.MultiHeadAttention(2, 4)
    for layer in (gated, wide, unbuilt, keras.layers.Attention()):
        with pytest.raises(ValueError, match="`layer` must be"):
            from_keras(layer)
    for layer in (other, MultiHeadAttention(2, 4), AdditiveAttention(4)):
        with pytest.raises(ValueError, match="`layer` must be"):
            to_keras(layer)


class Tenths(keras.initializers.Initializer):
    def __call__(self, shape, dtype=None, **options):
        return keras.ops.full(shape, 0.1, dtype)


class L2(keras.regularizers.Regularizer):
    """Not that of Keras, and without a config."""

    def __call__(self, x):
        return keras.ops.sum(x)


class Largest(keras.constraints.Constraint):
    def __call__(self, w):
        return w


def test_an_initializer_needs_no_registration():
    stock = keras.layers.MultiHeadAttention(2, 4, kernel_initializer=Tenths())
    expected = to_numpy(stock(X, LONG))
    ours = from_keras(stock)
    again = to_keras(ours)
    for layer in (ours, again):
        np.testing.assert_allclose(to_numpy(layer(X, LONG)), expected, atol=1e-5)
    assert type(ours.kernel_initializer) is Tenths
    assert type(again.query_dense.kernel_initializer) is Tenths


@pytest.mark.parametrize("rule", [L2(), lambda x: 0.0, Largest()], ids=["class", "lambda", "other"])
@pytest.mark.parametrize("weight", ["kernel", "bias"])
def test_a_rule_that_is_not_known_to_fit_is_refused(rule, weight):
    kind = "constraint" if isinstance(rule, Largest) else "regularizer"
    options = {f"{weight}_{kind}": rule}
    stock, ours = (
        keras.layers.MultiHeadAttention(2, 4, **options),
        MultiHeadAttention(2, 4, **options),
    )
    stock(X, X), ours(X)
    for layer, move in ((stock, from_keras), (ours, to_keras)):
        with pytest.raises(ValueError, match=f"`layer` must be .*{weight}_{kind}.*Received: "):
            move(layer)


LISTS = {
    "scaled": lambda: keras.layers.Attention(use_scale=True, dropout=0.1, seed=3),
    "dot": lambda: keras.layers.Attention(dtype="float32", name="dot"),
    "additive": lambda: keras.layers.AdditiveAttention(dropout=0.1),
    "frozen": lambda: keras.layers.AdditiveAttention(trainable=False),
}


@pytest.mark.parametrize("with_key", [False, True])
@pytest.mark.parametrize("name", LISTS)
def test_attention_on_lists_there_and_back(name, with_key):
    stock = LISTS[name]()
    inputs = [X.astype("float32"), LONG.astype("float32")]
    inputs += [RNG.normal(size=(B, S, D)).astype("float32")] if with_key else []
    stock(inputs)
    stock.set_weights([RNG.normal(size=w.shape) for w in stock.get_weights()])
    ours = from_keras(stock)
    again = to_keras(ours)
    assert type(again) is type(stock)
    assert again.get_config() == stock.get_config()
    masks = [np.arange(n) < np.array([[n], [n - 3]]) for n in (T, S)]
    for mask in (None, masks):
        for causal in (False, True):
            call = dict(mask=mask, use_causal_mask=causal, return_attention_scores=True)
            expected, scores = to_numpy(stock(inputs, **call))
            for layer in (ours, again):
                found, found_scores = to_numpy(layer(inputs, **call))
                np.testing.assert_allclose(found, expected, atol=1e-5)
                seen = slice(None) if mask is None else masks[0]  # ours has zeros elsewhere
                np.testing.assert_allclose(found_scores[seen], scores[seen], atol=1e-5)
    for one, other in zip(again.get_weights(), stock.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def built(layer, *inputs):
    layer(*inputs)
    return layer


def partly_frozen():
    layer = built(keras.layers.MultiHeadAttention(2, 4), X, X)
    layer.query_dense.trainable = False
    return layer


def of_low_rank():
    layer = built(keras.layers.MultiHeadAttention(2, 4), X, X)
    layer.trainable = False
    layer.query_dense.enable_lora(2)
    return layer


def quantized():
    layer = built(keras.layers.MultiHeadAttention(2, 4), X, X)
    layer.query_dense.quantize("int8")
    return layer


def of_several_dtypes():
    policies = keras.dtype_policies.DTypePolicyMap()
    policies["several/query"] = "mixed_bfloat16"
    return built(keras.layers.MultiHeadAttention(2, 4, dtype=policies, name="several"), X, X)


STOCK_ALONE = {
    "activity_regularizer": lambda: built(
        keras.layers.MultiHeadAttention(2, 4, activity_regularizer="l2"), X, X
    ),
    "score_mode": lambda: built(keras.layers.Attention(score_mode="concat"), [X, X]),
    "use_scale": lambda: built(keras.layers.AdditiveAttention(use_scale=False), [X, X]),
    "use_gate": lambda: built(keras.layers.MultiHeadAttention(2, 4, use_gate=True), X, X),
    "kernel_constraint": lambda: built(
        keras.layers.MultiHeadAttention(2, 4, kernel_constraint="max_norm"), X, X
    ),
    "frozen": partly_frozen,
    "enable_lora": of_low_rank,
    "quantized": quantized,
    "dtype policy": of_several_dtypes,
    "others": lambda: built(keras.layers.GroupQueryAttention(4, 2, 1), X, X),
}


@pytest.mark.parametrize("option", STOCK_ALONE)
def test_what_only_keras_does_is_refused(option):
    with pytest.raises(ValueError, match=f"`layer` must be .*{option}") as error:
        from_keras(STOCK_ALONE[option]())
    assert "\n" not in str(error.value)


def partly_frozen_of_ours():
    layer = built(MultiHeadAttention(2, 4), X)
    layer.weights[0].trainable = False
    return layer


OURS_ALONE = {
    "frozen": partly_frozen_of_ours,
    "activity_regularizer": lambda: built(MultiHeadAttention(2, 4, activity_regularizer="l2"), X),
    "score_mode": lambda: built(MultiplicativeAttention("general"), X, X),
    "window": lambda: built(MultiplicativeAttention("dot", window=2), X, X),
    "use_bias": lambda: built(AdditiveAttention(D, use_bias=True), X, X),
    "normalize": lambda: built(AdditiveAttention(D, normalize=True), X, X),
    "score_regularizer": lambda: built(AdditiveAttention(D, score_regularizer="l2"), X, X),
    "projections are identities": lambda: built(AdditiveAttention(D), X, X),
    "identities": lambda: built(AdditiveAttention(4), X, X),
    "kernel_regularizer": lambda: built(
        MultiHeadAttention(2, 4, kernel_regularizer="orthogonal_regularizer"), X[:, :4]
    ),
}


@pytest.mark.parametrize("option", OURS_ALONE)
def test_what_only_ours_does_is_refused(option):
    with pytest.raises(ValueError, match=f"`layer` must be .*{option}") as error:
        to_keras(OURS_ALONE[option]())
    assert "\n" not in str(error.value)
