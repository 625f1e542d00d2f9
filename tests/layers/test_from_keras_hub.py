"""Weights between KerasHub's layers and ours: the same answers on either side."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_attention import layers
from tests.backend import to_numpy

keras_hub = pytest.importorskip("keras_hub", reason="KerasHub is not installed")
theirs = keras_hub.layers

B, T, S, P, D, V = 3, 5, 7, 2, 12, 11
RNG = np.random.default_rng(4)
X = RNG.normal(size=(B, T, D)).astype("float32")
MEMORY = RNG.normal(size=(B, S, D)).astype("float32")
NARROW = MEMORY[..., :10]
IDS = RNG.integers(1, V, (B, T))
POSITIONS = np.array([[2, 0], [1, 4], [3, 3]])
# Every query sees a key: those that see none are where the two differ on purpose.
X_MASK = np.arange(T) < np.array([[5], [2], [3]])
MEMORY_MASK = np.arange(S) < np.array([[4], [7], [1]])
PAIRS = RNG.random((B, T, T)) < 0.5
PAIRS[..., 0] = True
CROSS_PAIRS = RNG.random((B, T, S)) < 0.5
CROSS_PAIRS[..., 0] = True
BLOCK = dict(intermediate_dim=14, num_heads=2, layer_norm_epsilon=1e-3, dropout=0.1)


def embedding(**options):
    layer = keras.layers.ReversibleEmbedding(V, 6, **options)
    layer.build((None, None))
    return layer


# name -> (their layer, its calls)
CASES = {
    **{
        f"TransformerEncoder, {name}": (
            lambda options=options: theirs.TransformerEncoder(**{**BLOCK, **options}),
            [
                lambda layer: layer(X),
                lambda layer: layer(X, padding_mask=X_MASK),
                lambda layer: layer(X, attention_mask=PAIRS),
                lambda layer: layer(X, padding_mask=X_MASK, attention_mask=PAIRS),
                lambda layer: layer(X, return_attention_scores=True),
            ],
        )
        for name, options in (
            ("post-norm", {}),
            ("pre-norm", dict(normalize_first=True, activation="gelu")),
            ("linear", dict(activation=None, kernel_initializer="he_normal", dtype="float32")),
            ("not divisible", dict(num_heads=5)),
            ("frozen", dict(trainable=False, name="frozen_block")),
        )
    },
    **{
        f"TransformerDecoder, {name}": (
            lambda options=options: theirs.TransformerDecoder(**{**BLOCK, **options}),
            [
                lambda layer, memory=memory: layer(X, memory),
                lambda layer, memory=memory: layer(X, memory, use_causal_mask=False),
                lambda layer, memory=memory: layer(
                    X,
                    memory,
                    decoder_padding_mask=X_MASK,
                    encoder_padding_mask=MEMORY_MASK,
                ),
                lambda layer, memory=memory: layer(
                    X,
                    memory,
                    decoder_attention_mask=PAIRS,
                    encoder_attention_mask=CROSS_PAIRS,
                ),
            ],
        )
        for name, options, memory in (
            ("post-norm", {}, MEMORY),
            ("pre-norm", dict(normalize_first=True), MEMORY),
            ("another width", dict(activation="gelu"), NARROW),
            ("not divisible", dict(num_heads=5), MEMORY),
        )
    },
    "TransformerDecoder, alone": (
        lambda: theirs.TransformerDecoder(**BLOCK),
        [
            lambda layer: layer(X),
            lambda layer: layer(X, decoder_padding_mask=X_MASK, use_causal_mask=False),
        ],
    ),
    "PositionEmbedding": (
        lambda: theirs.PositionEmbedding(9, initializer="he_normal"),
        [
            lambda layer: layer(X),
            lambda layer: layer(X, start_index=3),
            lambda layer: layer(X, positions=IDS % 9),
        ],
    ),
    "SinePositionEncoding": (
        lambda: theirs.SinePositionEncoding(max_wavelength=100),
        [
            lambda layer: layer(X),
            lambda layer: layer(X, start_index=3),
            lambda layer: layer(X, positions=np.float32(IDS)),
        ],
    ),
    **{
        f"TokenAndPositionEmbedding, tie_weights={tied}": (
            lambda tied=tied: theirs.TokenAndPositionEmbedding(
                V, 9, 6, tie_weights=tied, mask_zero=tied, embeddings_initializer="he_normal"
            ),
            [
                lambda layer: layer(IDS),
                lambda layer: layer(IDS, start_index=3),
                lambda layer: layer(IDS, positions=IDS % 9),
                # KerasHub's has the way back in a part of it.
                lambda layer: getattr(layer, "token_embedding", layer)(X[..., :6], reverse=True),
            ],
        )
        for tied in (True, False)
    },
    **{
        f"MaskedLMHead, {name}": (
            lambda options=options: theirs.MaskedLMHead(**options()),
            [lambda layer: layer(X, POSITIONS)],
        )
        for name, options in (
            ("alone", lambda: dict(vocabulary_size=V, intermediate_activation="gelu")),
            ("tied", lambda: dict(token_embedding=embedding())),
            ("capped", lambda: dict(token_embedding=embedding(logit_soft_cap=0.5))),
            ("untied", lambda: dict(token_embedding=embedding(tie_weights=False))),
        )
    },
}
SAME_NAMES = (
    *("name", "trainable", "dropout", "num_heads", "layer_norm_epsilon", "sequence_length"),
    *("max_wavelength", "vocabulary_size", "normalize_first"),
)


def assert_equal(found, expected):
    found, expected = (keras.tree.flatten(to_numpy(x)) for x in (found, expected))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5, rtol=1e-5)


# KerasHub's own, of its two embeddings.
@pytest.mark.filterwarnings("ignore:[^$]*'position_embedding'[^$]*does not support masking")
@pytest.mark.parametrize("name", CASES)
def test_there_and_back(name):
    make, calls = CASES[name]
    stock = make()
    calls[0](stock)
    stock.set_weights([RNG.normal(scale=0.4, size=w.shape) for w in stock.get_weights()])
    ours = layers.from_keras(stock)
    assert type(ours).__module__.startswith("keras_attention.layers.")
    assert ours.count_params() == stock.count_params()
    again = layers.to_keras(ours)
    assert type(again) is type(stock)
    for call in calls:
        expected = call(stock)
        assert_equal(call(ours), expected)
        assert_equal(call(again), expected)
    for one, other in zip(again.get_weights(), stock.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    for option in SAME_NAMES:
        assert getattr(ours, option, None) == getattr(stock, option, None), option
    # Not one option is lost on the way there and back.
    known = {**stock.get_config(), "decoder_sequence_shape": 0, "encoder_sequence_shape": 0}
    found = {**again.get_config(), "decoder_sequence_shape": 0, "encoder_sequence_shape": 0}
    for part in ("dtype", "token_embedding"):  # whose configs hold the shapes they were built by
        known.pop(part, None), found.pop(part, None)
    assert found == {k: v for k, v in known.items() if k in found}
    assert set(known) - set(found) <= {"decoder_sequence_shape", "encoder_sequence_shape"}


def test_a_head_keeps_its_embedding():
    shared = embedding()
    stock = theirs.MaskedLMHead(token_embedding=shared)
    stock(X, POSITIONS)
    ours = layers.from_keras(stock)
    assert ours.embedding is shared
    assert layers.to_keras(ours).token_embedding is shared


def test_gelu_by_tanh():
    ours = layers.TransformerEncoder(**{**BLOCK, "activation": "gelu_new"})
    expected = ours(X)
    stock = layers.to_keras(ours)
    assert_equal(stock(X), expected)
    assert layers.from_keras(stock).activation is ours.activation


def double(x):
    return 2.0 * x


def ones(shape, dtype=None, **options):
    return keras.ops.ones(shape, dtype)


class Tenths(keras.initializers.Initializer):
    def __init__(self, tenths=3):
        self.tenths = tenths

    def __call__(self, shape, dtype=None, **options):
        return keras.ops.full(shape, 0.1 * self.tenths, dtype)

    def get_config(self):
        return {"tenths": self.tenths}


NOT_REGISTERED = {
    **{
        f"{name}, {kind}": (name, {"intermediate_dim": 14, "num_heads": 2, "activation": function})
        for name in ("TransformerEncoder", "TransformerDecoder")
        for kind, function in (("function", double), ("lambda", lambda x: 2.0 * x))
    },
    **{
        f"MaskedLMHead, {kind}": (
            "MaskedLMHead",
            {"vocabulary_size": V, "intermediate_activation": function, **options},
        )
        for kind, function, options in (
            ("function", double, {}),
            ("lambda", lambda x: 2.0 * x, {}),
            ("initializers", "relu", {"kernel_initializer": ones, "bias_initializer": Tenths(2)}),
        )
    },
    "TransformerEncoder, initializer": (
        "TransformerEncoder",
        {"intermediate_dim": 14, "num_heads": 2, "kernel_initializer": Tenths(1)},
    ),
    "PositionEmbedding, initializer": (
        "PositionEmbedding",
        {"sequence_length": 9, "initializer": Tenths(4)},
    ),
    "PositionEmbedding, function": (
        "PositionEmbedding",
        {"sequence_length": 9, "initializer": ones},
    ),
    "TokenAndPositionEmbedding, initializer": (
        "TokenAndPositionEmbedding",
        {
            "vocabulary_size": V,
            "sequence_length": 9,
            "embedding_dim": 6,
            "embeddings_initializer": Tenths(5),
        },
    ),
}


@pytest.mark.filterwarnings("ignore:The object being serialized includes a .lambda.")
@pytest.mark.parametrize("case", NOT_REGISTERED)
def test_objects_need_no_registration(case):
    name, options = NOT_REGISTERED[case]
    inputs = {"MaskedLMHead": (X, POSITIONS), "TokenAndPositionEmbedding": (IDS,)}.get(name, (X,))
    stock = getattr(theirs, name)(**options)
    expected = stock(*inputs)
    ours = layers.from_keras(stock)
    again = layers.to_keras(ours)
    assert_equal(ours(*inputs), expected)
    assert_equal(again(*inputs), expected)
    for word, value in options.items():
        for layer in (ours, again):
            held = getattr(layer, word, None) or getattr(layer, word.removeprefix("intermediate_"))
            if isinstance(value, Tenths):
                assert (type(held), held.tenths) == (Tenths, value.tenths)
            elif callable(value):
                assert held is value


def test_an_initializer_may_be_a_function():
    """Stock attention takes no such one; how weights begin changes no answer of a built layer."""
    ours = layers.TransformerEncoder(14, 2, kernel_initializer=ones)
    expected = ours(X)
    np.testing.assert_array_equal(to_numpy(ours.self_attention.weights[0]), np.ones((D, 3 * D)))
    assert_equal(layers.to_keras(ours)(X), expected)


def built(layer, *inputs):
    layer(*inputs)
    return layer


class OtherBlock(layers.TransformerEncoder):
    pass


class TheirOtherBlock(theirs.TransformerEncoder):
    pass


def of_embedding(**options):
    return built(layers.TokenAndPositionEmbedding(V, 9, 6, **options), IDS)


OURS_ALONE = {
    "attention_bias": lambda: built(layers.TransformerEncoder(14, 2, attention_bias=False), X),
    "key_dim": lambda: built(layers.TransformerDecoder(14, 2, key_dim=5), X),
    "attention_dropout": lambda: built(layers.TransformerEncoder(14, 2, attention_dropout=0.5), X),
    "sliding_window": lambda: built(layers.TransformerDecoder(14, 2, sliding_window=2), X, MEMORY),
    "kernel_regularizer": lambda: built(
        layers.TransformerEncoder(14, 2, kernel_regularizer="l2"), X
    ),
    "bias_constraint": lambda: built(
        layers.MaskedLMHead(vocabulary_size=V, bias_constraint="non_neg"), X
    ),
    "embeddings_regularizer": lambda: built(
        layers.PositionEmbedding(9, embeddings_regularizer="l2"), X
    ),
    "embeddings_constraint": lambda: of_embedding(embeddings_constraint="non_neg"),
    "positions": lambda: of_embedding(positions="sinusoidal"),
    "scale": lambda: of_embedding(scale=True),
    "embedding": lambda: built(layers.MaskedLMHead(of_embedding()), X[..., :6]),
    "a built layer": lambda: built(OtherBlock(14, 2), X),
}


@pytest.mark.parametrize("option", OURS_ALONE)
def test_what_kerashub_lacks_is_refused(option):
    with pytest.raises(ValueError, match=f"`layer` must be .*{option}") as error:
        layers.to_keras(OURS_ALONE[option]())
    assert "\n" not in str(error.value)


def partly_frozen():
    stock = built(theirs.TokenAndPositionEmbedding(V, 9, 6), IDS)
    stock.token_embedding.trainable = False
    return stock


THEIRS_ALONE = {
    "`activation`": lambda: built(
        theirs.MaskedLMHead(vocabulary_size=V, activation="softmax"), X, POSITIONS
    ),
    "a built layer": lambda: theirs.TransformerEncoder(14, 2),
    "built layer": lambda: built(TheirOtherBlock(14, 2), X),
    "others": lambda: built(theirs.ReversibleEmbedding(V, 6), IDS),
    "frozen": partly_frozen,
}


@pytest.mark.parametrize("option", THEIRS_ALONE)
def test_what_ours_lacks_is_refused(option):
    with pytest.raises(ValueError, match=f"`layer` must be .*{option}") as error:
        layers.from_keras(THEIRS_ALONE[option]())
    assert "\n" not in str(error.value)


def test_a_missing_keras_hub_is_named(monkeypatch):
    ours = built(layers.PositionEmbedding(9), X)
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    with pytest.raises(ImportError, match=r"keras_hub.*pip install 'keras_attention\[hub\]'"):
        layers.to_keras(ours)
    with pytest.raises(ValueError, match="`layer` must be a built layer of one of"):
        layers.from_keras(ours)


def test_keras_hub_is_imported_only_when_its_layer_is_made():
    code = (
        "import sys, keras, numpy as np\n"
        "from keras_attention import layers\n"
        "stock = keras.layers.MultiHeadAttention(2, 4)\n"
        "x = np.ones((1, 2, 3), 'float32')\n"
        "stock(x, x)\n"
        "layers.to_keras(layers.from_keras(stock))\n"
        "assert 'keras_hub' not in sys.modules\n"
        "ours = layers.PositionEmbedding(4)\n"
        "ours(x)\n"
        "layers.to_keras(ours)\n"
        "assert 'keras_hub' in sys.modules\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
