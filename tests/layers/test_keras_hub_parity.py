"""The same weights in KerasHub's layers give the same outputs."""

import numpy as np
import pytest

from keras_attention import layers
from tests.backend import to_numpy

keras_hub = pytest.importorskip("keras_hub", reason="KerasHub is not installed")

B, T, S, D, F, H = 3, 5, 7, 12, 14, 2
RNG = np.random.default_rng(11)
X = RNG.normal(size=(B, T, D)).astype("float32")
MEMORY = RNG.normal(size=(B, S, D)).astype("float32")
# Every row has a token: rows that attend to nothing are where the two differ on purpose.
X_MASK = np.arange(T) < np.array([[5], [2], [3]])
MEMORY_MASK = np.arange(S) < np.array([[4], [7], [1]])
OPTIONS = dict(intermediate_dim=F, num_heads=H, layer_norm_epsilon=1e-3)


def randomise(layer):
    layer.set_weights([RNG.normal(scale=0.4, size=w.shape) for w in layer.get_weights()])


def projection(dense):
    """Kernel (D, H * K) or (H * K, D) and bias of an EinsumDense layer."""
    kernel, bias = (to_numpy(w.value) for w in dense.weights)
    if bias.ndim == 2:  # (H, K): into heads
        return kernel.reshape(D, -1), bias.reshape(-1)
    return kernel.reshape(-1, D), bias


def copy_attention(source, target):
    (query, query_bias), (key, key_bias), (value, value_bias), (out, out_bias) = (
        projection(source.query_dense),
        projection(source.key_dense),
        projection(source.value_dense),
        projection(source.output_dense),
    )
    parts = [query, key, value], [query_bias, key_bias, value_bias]
    if hasattr(target, "query_key_value_kernel"):
        joined = [np.concatenate(parts[0], 1), np.concatenate(parts[1])]
    else:
        joined = [query, query_bias, np.concatenate([key, value], 1)]
        joined.append(np.concatenate([key_bias, value_bias]))
    target.set_weights([*joined, out, out_bias])


def copy_rest(source, target, names):
    for theirs, ours in names.items():
        layer = target
        for name in ours.split("."):
            layer = getattr(layer, name)
        layer.set_weights(getattr(source, theirs).get_weights())


def assert_equal(found, expected):
    np.testing.assert_allclose(to_numpy(found), to_numpy(expected), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("masked", [False, True], ids=["unmasked", "masked"])
@pytest.mark.parametrize("normalize_first", [False, True], ids=["post-norm", "pre-norm"])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_encoder(normalize_first, masked, activation):
    options = {**OPTIONS, "normalize_first": normalize_first, "activation": activation}
    theirs = keras_hub.layers.TransformerEncoder(**options)
    ours = layers.TransformerEncoder(**options)
    theirs.build(X.shape)
    ours.build(X.shape)
    randomise(theirs)
    copy_attention(theirs._self_attention_layer, ours.self_attention)
    copy_rest(
        theirs,
        ours,
        {
            "_self_attention_layer_norm": "self_attention_normalization",
            "_feedforward_layer_norm": "feed_forward_normalization",
            "_feedforward_intermediate_dense": "feed_forward.intermediate",
            "_feedforward_output_dense": "feed_forward.output_projection",
        },
    )
    arguments = {"padding_mask": X_MASK} if masked else {}
    expected, scores = theirs(X, return_attention_scores=True, **arguments)
    found, found_scores = ours(X, return_attention_scores=True, **arguments)
    assert_equal(found, expected)
    assert_equal(ours(X, **arguments), found)
    assert_equal(found_scores, scores)


@pytest.mark.parametrize("masked", [False, True], ids=["unmasked", "masked"])
@pytest.mark.parametrize("normalize_first", [False, True], ids=["post-norm", "pre-norm"])
@pytest.mark.parametrize("with_encoder", [True, False], ids=["encoder", "alone"])
def test_decoder(normalize_first, masked, with_encoder):
    options = {**OPTIONS, "normalize_first": normalize_first}
    theirs = keras_hub.layers.TransformerDecoder(**options)
    ours = layers.TransformerDecoder(**options)
    shapes = (X.shape, MEMORY.shape) if with_encoder else (X.shape,)
    theirs.build(*shapes)
    ours.build(*shapes)
    randomise(theirs)
    copy_attention(theirs._self_attention_layer, ours.self_attention)
    names = {
        "_self_attention_layer_norm": "self_attention_normalization",
        "_feedforward_layer_norm": "feed_forward_normalization",
        "_feedforward_intermediate_dense": "feed_forward.intermediate",
        "_feedforward_output_dense": "feed_forward.output_projection",
    }
    if with_encoder:
        copy_attention(theirs._cross_attention_layer, ours.cross_attention)
        names["_cross_attention_layer_norm"] = "cross_attention_normalization"
    copy_rest(theirs, ours, names)
    arguments = {"encoder_sequence": MEMORY} if with_encoder else {}
    if masked:
        arguments["decoder_padding_mask"] = X_MASK
        if with_encoder:
            arguments["encoder_padding_mask"] = MEMORY_MASK
    expected, found = theirs(X, **arguments), ours(X, **arguments)
    assert_equal(found, expected)


@pytest.mark.parametrize("start_index", [0, 3])
@pytest.mark.parametrize("width", [8, 7, 2])
def test_sinusoidal_positions(width, start_index):
    x = np.zeros((2, 6, width), "float32")
    theirs = keras_hub.layers.SinePositionEncoding(max_wavelength=1000)
    ours = layers.SinusoidalPositionEncoding(max_wavelength=1000)
    assert_equal(ours(x, start_index=start_index), theirs(x, start_index=start_index))


@pytest.mark.parametrize("start_index", [0, 3])
def test_learned_positions(start_index):
    theirs = keras_hub.layers.PositionEmbedding(sequence_length=9)
    ours = layers.PositionEmbedding(sequence_length=9)
    theirs.build(X.shape)
    ours.build(X.shape)
    randomise(theirs)
    ours.set_weights(theirs.get_weights())
    assert_equal(ours(X, start_index=start_index), theirs(X, start_index=start_index))
    positions = np.array([2, 0, 8, 1, 1])
    assert_equal(ours(X, positions=positions), theirs(X, positions=positions))
