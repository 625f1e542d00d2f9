"""Every public layer, in every precision, under the contract."""

import keras
import numpy as np
import pytest

from keras_attention import layers
from tests.layer_contract import POLICIES, check_layer

B, T, S, D, DV, F, H, V = 3, 5, 7, 12, 10, 14, 2, 11

RNG = np.random.default_rng(0)
X = RNG.normal(size=(B, T, D)).astype("float32")
MEMORY = RNG.normal(size=(B, S, D)).astype("float32")
NARROW_MEMORY = RNG.normal(size=(B, S, DV)).astype("float32")
TOKENS = RNG.integers(0, V, (B, T)).astype("int32")
# The last token is predicted last, all others in another order.
POSITIONS = np.array([[2, 0, 3, 1, 4], [1, 1, 0, 0, 4], [3, 2, 1, 0, 4]], "int32")
X_MASK = np.arange(T) < np.array([[5], [2], [3]])
MEMORY_MASK = np.arange(S) < np.array([[4], [7], [1]])

FEED_FORWARD = {
    "feed_forward/intermediate/kernel": (D, F),
    "feed_forward/intermediate/bias": (F,),
    "feed_forward/output/kernel": (F, D),
    "feed_forward/output/bias": (D,),
    "feed_forward_normalization/gamma": (D,),
    "feed_forward_normalization/beta": (D,),
}
SELF_ATTENTION = {
    "self_attention/query_key_value_kernel": (D, 3 * D),
    "self_attention/query_key_value_bias": (3 * D,),
    "self_attention/output_kernel": (D, D),
    "self_attention/output_bias": (D,),
    "self_attention_normalization/gamma": (D,),
    "self_attention_normalization/beta": (D,),
}
CROSS_ATTENTION = {
    "cross_attention/query_kernel": (D, D),
    "cross_attention/query_bias": (D,),
    "cross_attention/key_value_kernel": (D, 2 * D),
    "cross_attention/key_value_bias": (2 * D,),
    "cross_attention/output_kernel": (D, D),
    "cross_attention/output_bias": (D,),
    "cross_attention_normalization/gamma": (D,),
    "cross_attention_normalization/beta": (D,),
}
SCORES = {"return_attention_scores": True}


def gru(path, width, units):
    """The weights of a GRU cell."""
    return {
        f"{path}/kernel": (width, 3 * units),
        f"{path}/recurrent_kernel": (units, 3 * units),
        f"{path}/bias": (2, 3 * units),
    }


def decoder(constructor, cells=1):
    """A constructor of cells that attend, whose parts are new for every layer."""

    def make(dtype):
        parts = [keras.layers.GRUCell(8, name=f"cell_{n}", dtype=dtype) for n in range(cells)]
        return constructor(
            parts,
            layers.AdditiveAttention(6, name="attention", dtype=dtype),
            readout=keras.layers.Dense(9, "tanh", name="readout", dtype=dtype),
            bridge=keras.layers.Dense(8 * cells, "tanh", name="bridge", dtype=dtype),
            dtype=dtype,
        )

    make.__name__ = constructor.__name__
    return make


def masked_lm_head(dtype):
    """A head with an embedding of its own."""
    embedding = layers.TokenAndPositionEmbedding(
        V, 6, 8, positions="sinusoidal", name="embedding", dtype=dtype
    )
    return layers.MaskedLMHead(embedding, activation="gelu_new", dtype=dtype)


masked_lm_head.__name__ = "MaskedLMHead"

DECODER_INPUTS = {
    "inputs": X,
    "value": NARROW_MEMORY,
    "summary": NARROW_MEMORY[:, 0],
    "value_mask": MEMORY_MASK,
}
DECODER = {
    "attention/query_kernel": (8, 6),
    "attention/key_kernel": (DV, 6),
    "attention/score_vector": (6, 1),
    "readout/kernel": (8 + DV + D, 9),
    "readout/bias": (9,),
}

# mask -> the input whose padding it names, the first of these that the case has
PADS = {
    "value_mask": ("value", "query"),
    "padding_mask": ("inputs",),
    "decoder_padding_mask": ("decoder_sequence",),
    "encoder_padding_mask": ("encoder_sequence",),
}

# name -> (constructor, its arguments, inputs, weights, call options)
CASES = {
    "self-attention": (
        layers.MultiHeadAttention,
        dict(num_heads=H, key_dim=4),
        {"query": X, "value_mask": X_MASK},
        {
            "query_key_value_kernel": (D, 3 * 8),
            "query_key_value_bias": (3 * 8,),
            "output_kernel": (8, D),
            "output_bias": (D,),
        },
        SCORES | {"use_causal_mask": True},
    ),
    "cross-attention": (
        layers.MultiHeadAttention,
        dict(num_heads=H, key_dim=4, value_dim=3, output_dim=9, use_bias=False),
        {"query": X, "value": NARROW_MEMORY, "value_mask": MEMORY_MASK},
        {"query_kernel": (D, 8), "key_value_kernel": (DV, 8 + 6), "output_kernel": (6, 9)},
        SCORES,
    ),
    "GroupedQueryAttention": (
        layers.GroupedQueryAttention,
        dict(
            num_heads=6,
            key_dim=4,
            num_key_value_heads=2,
            rotary_embedding=layers.RotaryEmbedding(100.0),
            use_bias=False,
            use_output_bias=True,
        ),
        {"query": X, "value_mask": X_MASK},
        {
            "query_key_value_kernel": (D, 24 + 8 + 8),
            "output_kernel": (24, D),
            "output_bias": (D,),
        },
        SCORES | {"use_causal_mask": True},
    ),
    "BlockSparseAttention": (
        layers.BlockSparseAttention,
        dict(
            num_heads=H,
            key_dim=4,
            value_dim=3,
            output_dim=9,
            block_size=1,
            num_random_blocks=1,
            max_sequence_length=8,
        ),
        {"inputs": X, "padding_mask": X_MASK},
        {
            "query_key_value_kernel": (D, 2 * 8 + 6),
            "query_key_value_bias": (2 * 8 + 6,),
            "output_kernel": (6, 9),
            "output_bias": (9,),
        },
        SCORES,
    ),
    "AdditiveAttention": (
        layers.AdditiveAttention,
        dict(units=8, use_bias=True, normalize=True, chunk_size=2),
        {"query": X, "value": NARROW_MEMORY, "value_mask": MEMORY_MASK},
        {
            "query_kernel": (D, 8),
            "key_kernel": (DV, 8),
            "score_vector": (8, 1),
            "bias": (8,),
            "score_length": (),
        },
        SCORES,
    ),
    "MultiplicativeAttention, general": (
        layers.MultiplicativeAttention,
        dict(score_mode="general", scale=True),
        {"query": X, "value": NARROW_MEMORY, "value_mask": MEMORY_MASK},
        {"kernel": (DV, D), "score_scale": ()},
        SCORES,
    ),
    "MultiplicativeAttention, concat, local": (
        layers.MultiplicativeAttention,
        dict(score_mode="concat", units=8, window=3, chunk_size=2),
        {"query": X, "value": NARROW_MEMORY, "value_mask": MEMORY_MASK},
        {
            "query_kernel": (D, 8),
            "key_kernel": (DV, 8),
            "score_vector": (8, 1),
            "position_kernel": (D, D),
            "position_vector": (D, 1),
        },
        SCORES,
    ),
    "RecurrentEncoder": (
        layers.RecurrentEncoder,
        dict(units=4, num_layers=2, bidirectional_layers=1, normalize=True),
        {"inputs": X, "padding_mask": X_MASK},
        gru("layer_0_forward", D, 4)
        | gru("layer_0_backward", D, 4)
        | gru("layer_1_forward", 8, 4)
        | {"normalization/gamma": (4,), "normalization/beta": (4,)},
        {},
    ),
    "RecurrentDecoder": (
        decoder(layers.RecurrentDecoder),
        {},
        DECODER_INPUTS,
        gru("cell_0", D + DV, 8) | DECODER | {"bridge/kernel": (DV, 8), "bridge/bias": (8,)},
        SCORES,
    ),
    "RNNSearchDecoder": (
        decoder(layers.RNNSearchDecoder),
        {},
        DECODER_INPUTS,
        gru("cell_0", D + DV, 8) | DECODER | {"bridge/kernel": (8, 8), "bridge/bias": (8,)},
        SCORES,
    ),
    "GNMTDecoder": (
        decoder(layers.GNMTDecoder, 3),
        {},
        DECODER_INPUTS,
        gru("cell_0", D + DV, 8)
        | gru("cell_1", 8 + DV, 8)
        | gru("cell_2", 8 + DV, 8)
        | DECODER
        | {"bridge/kernel": (DV, 24), "bridge/bias": (24,)},
        SCORES,
    ),
    "Maxout": (
        layers.Maxout,
        dict(units=4, pool_size=3),
        {"inputs": X},
        {"linear/kernel": (D, 12), "linear/bias": (12,)},
        {},
    ),
    "PositionEmbedding": (
        layers.PositionEmbedding,
        dict(sequence_length=6),
        {"inputs": X},
        {"embeddings": (6, D)},
        {"start_index": 1},
    ),
    "SinusoidalPositionEncoding": (
        layers.SinusoidalPositionEncoding,
        {},
        {"inputs": X},
        {},
        {"start_index": 2},
    ),
    "TokenAndPositionEmbedding": (
        layers.TokenAndPositionEmbedding,
        dict(vocabulary_size=V, sequence_length=6, embedding_dim=D, scale=True),
        {"inputs": TOKENS},
        {"token_embeddings": (V, D), "positions/embeddings": (6, D)},
        {},
    ),
    "output projection": (
        layers.TokenAndPositionEmbedding,
        dict(vocabulary_size=V, sequence_length=6, embedding_dim=D, positions="sinusoidal"),
        {"inputs": X},
        {"token_embeddings": (V, D)},
        {"reverse": True},
    ),
    "MaskedLMHead": (
        masked_lm_head,
        {},
        {"inputs": X, "mask_positions": POSITIONS},
        {
            "token_bias": (V,),
            "embedding/token_embeddings": (V, 8),
            "dense/kernel": (D, 8),
            "dense/bias": (8,),
            "normalization/gamma": (8,),
            "normalization/beta": (8,),
        },
        # Its embedding stands in no layer of the model.
        {"loading_warns": "is a matrix of its own"},
    ),
    "Dropout": (layers.Dropout, dict(rate=0.3, seed=1), {"inputs": X}, {}, {}),
    "FeedForward": (
        layers.FeedForward,
        dict(intermediate_dim=F, output_dim=9, activation="gelu"),
        {"inputs": X},
        {
            "intermediate/kernel": (D, F),
            "intermediate/bias": (F,),
            "output/kernel": (F, 9),
            "output/bias": (9,),
        },
        {},
    ),
    "GatedFeedForward": (
        layers.GatedFeedForward,
        dict(intermediate_dim=F, output_dim=9, use_bias=True),
        {"inputs": X},
        {
            "gate_value_kernel": (D, 2 * F),
            "gate_value_bias": (2 * F,),
            "output_kernel": (F, 9),
            "output_bias": (9,),
        },
        {},
    ),
    "RotaryEmbedding": (
        layers.RotaryEmbedding,
        dict(base=50.0, scaling={"rope_type": "linear", "factor": 2.0}),
        {"inputs": X},
        {},
        {},
    ),
    **{
        f"TransformerEncoder, {name}": (
            layers.TransformerEncoder,
            dict(intermediate_dim=F, num_heads=H, normalize_first=first, activation="gelu"),
            {"inputs": X, "padding_mask": X_MASK},
            SELF_ATTENTION | FEED_FORWARD,
            SCORES,
        )
        for name, first in (("pre-norm", True), ("post-norm", False))
    },
    "TransformerEncoder, key_dim": (
        layers.TransformerEncoder,
        dict(intermediate_dim=F, num_heads=3, key_dim=5, activation="gelu_new"),
        {"inputs": X, "padding_mask": X_MASK},
        SELF_ATTENTION
        | FEED_FORWARD
        | {
            "self_attention/query_key_value_kernel": (D, 3 * 15),
            "self_attention/query_key_value_bias": (3 * 15,),
            "self_attention/output_kernel": (15, D),
        },
        SCORES,
    ),
    "BlockSparseEncoder": (
        layers.BlockSparseEncoder,
        dict(
            intermediate_dim=F,
            num_heads=H,
            activation="gelu",
            block_size=1,
            num_random_blocks=1,
            max_sequence_length=8,
        ),
        {"inputs": X, "padding_mask": X_MASK},
        SELF_ATTENTION | FEED_FORWARD,
        SCORES,
    ),
    **{
        f"TransformerDecoder, {name}": (
            layers.TransformerDecoder,
            dict(intermediate_dim=F, num_heads=H, normalize_first=first, activation="gelu"),
            {
                "decoder_sequence": X,
                "encoder_sequence": MEMORY,
                "decoder_padding_mask": X_MASK,
                "encoder_padding_mask": MEMORY_MASK,
            },
            SELF_ATTENTION | CROSS_ATTENTION | FEED_FORWARD,
            SCORES,
        )
        for name, first in (("pre-norm", True), ("post-norm", False))
    },
    "TransformerDecoder without encoder": (
        layers.TransformerDecoder,
        dict(intermediate_dim=F, num_heads=H, activation="gelu"),
        {"decoder_sequence": X},
        SELF_ATTENTION | FEED_FORWARD,
        {},
    ),
    "GPTDecoder": (
        layers.GPTDecoder,
        dict(intermediate_dim=F, num_heads=H, use_bias=False, attention_scale=1.0),
        {"decoder_sequence": X},
        {
            "self_attention/query_key_value_kernel": (D, 3 * D),
            "self_attention/output_kernel": (D, D),
            "self_attention_normalization/gamma": (D,),
            "feed_forward/intermediate/kernel": (D, F),
            "feed_forward/output/kernel": (F, D),
            "feed_forward_normalization/gamma": (D,),
        },
        {},
    ),
    "LlamaDecoder": (
        layers.LlamaDecoder,
        dict(
            intermediate_dim=F,
            num_heads=6,
            num_key_value_heads=3,
            rotary_embedding=layers.RotaryEmbedding(),
        ),
        {"decoder_sequence": X},
        {
            "self_attention/query_key_value_kernel": (D, D + 6 + 6),
            "self_attention/output_kernel": (D, D),
            "self_attention_normalization/scale": (D,),
            "feed_forward/gate_value_kernel": (D, 2 * F),
            "feed_forward/output_kernel": (F, D),
            "feed_forward_normalization/scale": (D,),
        },
        {},
    ),
}


# Each case compiles twice and trains. In half precision some layers stand for the others. Of the
# two half precisions float16 is the narrower one.
QUICK = {
    "mixed_float16": (
        *("self-attention", "RecurrentDecoder", "TokenAndPositionEmbedding"),
        "TransformerEncoder, pre-norm",
    ),
    "mixed_bfloat16": ("self-attention",),
}
# Of these classes, or of the one that they derive from, another case is quick.
SLOW = (
    *("TransformerEncoder, post-norm", "TransformerEncoder, key_dim", "BlockSparseEncoder"),
    *("TransformerDecoder, pre-norm", "TransformerDecoder without encoder", "RNNSearchDecoder"),
)


def is_slow(case, policy):
    return case not in QUICK.get(policy, CASES) or case in SLOW


@pytest.mark.parametrize(
    "case, policy",
    [
        pytest.param(case, policy, marks=pytest.mark.slow if is_slow(case, policy) else ())
        for case in CASES
        for policy in POLICIES
    ],
)
def test_contract(case, policy, tmp_path):
    constructor, arguments, inputs, weights, options = CASES[case]
    check_layer(
        lambda dtype: constructor(**arguments, dtype=dtype),
        inputs,
        weights,
        policy,
        tmp_path / "layer.keras",
        padding={
            mask: next(name for name in names if name in inputs)
            for mask, names in PADS.items()
            if mask in inputs
        },
        **options,
    )


def test_every_layer_has_a_case():
    tested = {case[0].__name__ for case in CASES.values()}
    # These compute nothing by themselves: what derives from them has a case.
    bases = {"BaseAttention", "TransformerBlock"}
    classes = {
        n: getattr(layers, n) for n in layers.__all__ if isinstance(getattr(layers, n), type)
    }
    names = {name for name, cls in classes.items() if issubclass(cls, keras.layers.Layer)}
    assert tested == names - bases
    for base in bases:
        assert any(issubclass(getattr(layers, name), getattr(layers, base)) for name in tested)
