"""Regularizers and constraints of every layer that makes weights."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention import layers
from tests.backend import to_numpy
from tests.layers.test_layer_contract import CASES, B, D, S, T

X, MEMORY = np.ones((B, T, D), "float32"), np.ones((B, S, D), "float32")
IDS = np.ones((B, T), "int32")

# name -> (class, options, inputs, {kind: the ends of the paths of its weights})
PROJECTIONS = ("query_key_value", "output")
BLOCK = {
    "kernel": (*(f"self_attention/{name}_kernel" for name in PROJECTIONS), "output/kernel"),
    "bias": (*(f"self_attention/{name}_bias" for name in PROJECTIONS), "output/bias"),
}
DECODER = {
    "kernel": (*BLOCK["kernel"], "cross_attention/key_value_kernel", "intermediate/kernel"),
    "bias": (*BLOCK["bias"], "cross_attention/query_bias", "intermediate/bias"),
}
RULED = {
    "MultiHeadAttention": (
        (layers.MultiHeadAttention, dict(num_heads=2, key_dim=3), [X, MEMORY]),
        {
            "kernel": ("query_kernel", "key_value_kernel", "output_kernel"),
            "bias": ("query_bias", "key_value_bias", "output_bias"),
        },
    ),
    "BlockSparseAttention": (
        (
            layers.BlockSparseAttention,
            dict(num_heads=2, key_dim=3, block_size=2, num_random_blocks=0),
            [X],
        ),
        {kind: tuple(f"{name}_{kind}" for name in PROJECTIONS) for kind in ("kernel", "bias")},
    ),
    "GroupedQueryAttention": (
        (
            layers.GroupedQueryAttention,
            dict(num_heads=4, key_dim=3, num_key_value_heads=2),
            [X],
        ),
        {kind: tuple(f"{name}_{kind}" for name in PROJECTIONS) for kind in ("kernel", "bias")},
    ),
    "AdditiveAttention": (
        (layers.AdditiveAttention, dict(units=4, use_bias=True, normalize=True), [X, MEMORY]),
        {
            "kernel": ("query_kernel", "key_kernel"),
            "score": ("score_vector",),
            "bias": ("attention/bias",),
        },
    ),
    "MultiplicativeAttention, general": (
        (layers.MultiplicativeAttention, dict(scale=True), [X, MEMORY]),
        {"kernel": ("attention/kernel",)},
    ),
    "MultiplicativeAttention, concat": (
        (
            layers.MultiplicativeAttention,
            dict(score_mode="concat", units=4, window=2),
            [X, MEMORY],
        ),
        {
            "kernel": ("query_kernel", "key_kernel", "position_kernel"),
            "score": ("score_vector", "position_vector"),
        },
    ),
    "FeedForward": (
        (layers.FeedForward, dict(intermediate_dim=5), [X]),
        {
            "kernel": ("intermediate/kernel", "output/kernel"),
            "bias": ("intermediate/bias", "output/bias"),
        },
    ),
    "GatedFeedForward": (
        (layers.GatedFeedForward, dict(intermediate_dim=5, use_bias=True), [X]),
        {
            kind: tuple(f"{name}_{kind}" for name in ("gate_value", "output"))
            for kind in ("kernel", "bias")
        },
    ),
    "Maxout": (
        (layers.Maxout, dict(units=4), [X]),
        {"kernel": ("linear/kernel",), "bias": ("linear/bias",)},
    ),
    "TransformerEncoder": (
        (layers.TransformerEncoder, dict(intermediate_dim=5, num_heads=2), [X]),
        {kind: (*ends, f"intermediate/{kind}") for kind, ends in BLOCK.items()},
    ),
    "BlockSparseEncoder": (
        (
            layers.BlockSparseEncoder,
            dict(intermediate_dim=5, num_heads=2, block_size=2, num_random_blocks=0),
            [X],
        ),
        {kind: (*ends, f"intermediate/{kind}") for kind, ends in BLOCK.items()},
    ),
    "GPTDecoder": (
        (layers.GPTDecoder, dict(intermediate_dim=5, num_heads=2), [X]),
        {kind: (*ends, f"intermediate/{kind}") for kind, ends in BLOCK.items()},
    ),
    "LlamaDecoder": (
        (
            layers.LlamaDecoder,
            dict(intermediate_dim=5, num_heads=2, attention_bias=True, feed_forward_bias=True),
            [X],
        ),
        {
            kind: tuple(
                f"{part}_{kind}"
                for part in (
                    *(f"self_attention/{name}" for name in PROJECTIONS),
                    "feed_forward/gate_value",
                    "feed_forward/output",
                )
            )
            for kind in ("kernel", "bias")
        },
    ),
    "TransformerDecoder": (
        (layers.TransformerDecoder, dict(intermediate_dim=5, num_heads=2), [X, MEMORY]),
        {
            "kernel": (
                *DECODER["kernel"],
                "cross_attention/query_kernel",
                "cross_attention/output_kernel",
            ),
            "bias": (
                *DECODER["bias"],
                "cross_attention/key_value_bias",
                "cross_attention/output_bias",
            ),
        },
    ),
    "MaskedLMHead": (
        (layers.MaskedLMHead, dict(vocabulary_size=7), [X]),
        {"kernel": ("dense/kernel", "output_kernel"), "bias": ("dense/bias", "token_bias")},
    ),
    "PositionEmbedding": (
        (layers.PositionEmbedding, dict(sequence_length=9), [X]),
        {"embeddings": ("embeddings",)},
    ),
    "TokenAndPositionEmbedding": (
        (
            layers.TokenAndPositionEmbedding,
            dict(vocabulary_size=7, sequence_length=9, embedding_dim=4, tie_weights=False),
            [IDS],
        ),
        {"embeddings": ("token_embeddings", "positions/embeddings")},
    ),
    **{
        f"RecurrentEncoder, {cell}": (
            (layers.RecurrentEncoder, dict(units=4, cell=cell), [X]),
            {
                kind: tuple(f"layer_0_{direction}/{name}" for direction in ("forward", "backward"))
                for kind, name in (
                    ("kernel", "kernel"),
                    ("recurrent", "recurrent_kernel"),
                    ("bias", "bias"),
                )
            },
        )
        for cell in ("gru", "lstm")
    },
}


def of_kind(layer, ends):
    found = [w for w in layer.weights if any(f"/{w.path}".endswith(f"/{end}") for end in ends)]
    assert len(found) == len(ends)
    return found


def make(name, **rules):
    (kind, options, inputs), _ = RULED[name]
    layer = kind(**options, **rules, name="attention")
    layer(*inputs)
    random = np.random.default_rng(1)
    layer.set_weights([random.normal(size=w.shape) for w in layer.get_weights()])
    return layer


EVERY_KIND = [(name, kind) for name, (_, kinds) in RULED.items() for kind in kinds]


@pytest.mark.parametrize("name, kind", EVERY_KIND)
def test_the_losses_are_those_of_the_weights_of_the_kind(name, kind):
    layer = make(name, **{f"{kind}_regularizer": keras.regularizers.L2(0.5)})
    weights = of_kind(layer, RULED[name][1][kind])
    expected = sum(0.5 * np.square(to_numpy(weight.value)).sum() for weight in weights)
    np.testing.assert_allclose(float(sum(layer.losses)), expected, rtol=1e-5)
    again = type(layer).from_config(layer.get_config())
    again(*RULED[name][0][2])
    again.set_weights(layer.get_weights())
    np.testing.assert_allclose(float(sum(again.losses)), expected, rtol=1e-5)


@pytest.mark.parametrize("name, kind", EVERY_KIND)
def test_the_constraint_holds_after_an_update(name, kind):
    layer = make(name, **{f"{kind}_constraint": "non_neg"})
    weights = layer.trainable_weights
    before = [to_numpy(weight.value) for weight in weights]
    steps = [np.full(weight.shape, 0.25, "float32") for weight in weights]
    keras.optimizers.SGD(1.0).apply([keras.ops.convert_to_tensor(x) for x in steps], weights)
    ruled = of_kind(layer, RULED[name][1][kind])
    for weight, old in zip(weights, before, strict=True):
        is_ruled = any(weight is each for each in ruled)
        expected = np.maximum(old - 0.25, 0) if is_ruled else old - 0.25
        np.testing.assert_allclose(to_numpy(weight.value), expected, atol=1e-6)


def kinds_of(constructor):
    return getattr(constructor, "weight_kinds", ())


def test_every_kind_of_every_layer_is_here():
    """A layer that makes weights, and is not made of layers that a user hands over, has kinds."""
    made = {constructor for constructor, *_ in CASES.values() if isinstance(constructor, type)}
    made |= {kind for (kind, *_), _ in RULED.values()}
    for constructor in made:
        tested = {k for (c, *_), kinds in RULED.values() if c is constructor for k in kinds}
        assert tested == set(kinds_of(constructor)), constructor
    without = {constructor for constructor in made if not kinds_of(constructor)}
    assert without == {layers.SinusoidalPositionEncoding, layers.RotaryEmbedding, layers.Dropout}


def test_rules_that_do_not_exist_are_refused():
    with pytest.raises(ValueError, match="nonsense"):
        layers.FeedForward(5, kernel_regularizer="nonsense")
    with pytest.raises((ValueError, TypeError), match="embeddings_regularizer"):
        layers.FeedForward(5, embeddings_regularizer="l2")


def test_rules_read_each_matrix_that_stands_in_a_kernel_by_itself():
    class FirstColumn(keras.regularizers.Regularizer):
        def __call__(self, weight):
            return ops.sum(weight[..., 0])

    class ZeroFirstColumn(keras.constraints.Constraint):
        def __call__(self, weight):
            return weight * ops.cast(ops.arange(weight.shape[-1]) > 0, weight.dtype)

    layer = layers.MultiHeadAttention(
        2, 4, value_dim=3, kernel_regularizer=FirstColumn(), kernel_constraint=ZeroFirstColumn()
    )
    layer(X[..., :8])
    fused, output = layer.query_key_value_kernel, layer.output_kernel
    starts = [0, 8, 16]  # of queries, keys and values
    expected = to_numpy(fused.value)[:, starts].sum() + to_numpy(output.value)[:, 0].sum()
    np.testing.assert_allclose(float(sum(layer.losses)), expected, rtol=1e-4)
    zeros = [ops.zeros(w.shape) for w in layer.trainable_weights]
    keras.optimizers.SGD(1.0).apply(zeros, layer.trainable_weights)
    empty = [n for n in range(fused.shape[1]) if not to_numpy(fused.value)[:, n].any()]
    assert empty == starts
