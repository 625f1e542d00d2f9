import keras
import numpy as np
import pytest

from keras_attention.layers import (
    PositionEmbedding,
    SinusoidalPositionEncoding,
    TokenAndPositionEmbedding,
)
from tests.backend import to_numpy

TOKENS = np.array([[1, 4, 0], [2, 2, 3]], "int32")


def test_scaled_tokens_plus_sinusoids():
    layer = TokenAndPositionEmbedding(5, 9, 4, positions="sinusoidal", scale=True)
    found = to_numpy(layer(TOKENS, start_index=2))
    (table,) = layer.get_weights()
    positions = to_numpy(SinusoidalPositionEncoding()(np.zeros((2, 3, 4)), start_index=2))
    np.testing.assert_allclose(found, table[TOKENS] * 2.0 + positions, atol=1e-6)  # sqrt(4)


def test_tokens_plus_learned_positions():
    layer = TokenAndPositionEmbedding(5, 9, 4)
    found = to_numpy(layer(TOKENS))
    table, positions = layer.get_weights()
    np.testing.assert_allclose(found, table[TOKENS] + positions[:3], atol=1e-6)
    assert isinstance(layer.position_layer, PositionEmbedding)


@pytest.mark.parametrize("positions", ["learned", "sinusoidal"])
def test_one_token_of_each_sequence_needs_no_axis(positions):
    layer = TokenAndPositionEmbedding(5, 9, 4, positions=positions, scale=True)
    expected = to_numpy(layer(TOKENS[:, :1], start_index=3))
    found = to_numpy(layer(TOKENS[:, 0], start_index=3))
    np.testing.assert_allclose(found, expected[:, 0], atol=1e-6)
    logits = to_numpy(layer(found, reverse=True))
    np.testing.assert_allclose(logits, to_numpy(layer(expected, reverse=True))[:, 0], atol=1e-6)


def test_the_output_projection_is_the_embedding_matrix_or_one_of_its_own():
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
    tied = TokenAndPositionEmbedding(5, 9, 4, positions="sinusoidal")
    tied(TOKENS)
    np.testing.assert_allclose(
        to_numpy(tied(x, reverse=True)), x @ tied.get_weights()[0].T, atol=1e-6
    )
    untied = TokenAndPositionEmbedding(5, 9, 4, positions="sinusoidal", tie_weights=False)
    untied(TOKENS)
    table, kernel = untied.get_weights()
    assert table.shape == (5, 4)
    assert kernel.shape == (4, 5)
    np.testing.assert_allclose(to_numpy(untied(x, reverse=True)), x @ kernel, atol=1e-6)


def test_what_is_out_of_range_is_refused():
    for name in ("vocabulary_size", "sequence_length", "embedding_dim"):
        sizes = dict(vocabulary_size=5, sequence_length=9, embedding_dim=4) | {name: -1}
        with pytest.raises(ValueError, match=f"`{name}` must be a positive integer"):
            TokenAndPositionEmbedding(**sizes)
    with pytest.raises(ValueError, match="`positions` must be one of.*Received: positions='none'"):
        TokenAndPositionEmbedding(5, 9, 4, positions="none")


@pytest.mark.parametrize("kind", ["learned", "sinusoidal"])
def test_positions_of_every_token(kind):
    layer = TokenAndPositionEmbedding(5, 9, 4, positions=kind)
    row = np.array([3, 0, 8], "int32")
    rows = np.stack([row, row[::-1]])
    table = to_numpy(layer(np.arange(5, dtype="int32")) - layer.position_layer(np.zeros((4,))))
    places = to_numpy(layer.position_layer(np.zeros((9, 4))))
    for given in (row, row[None], rows):
        expected = table[TOKENS] + places[given]
        np.testing.assert_allclose(to_numpy(layer(TOKENS, positions=given)), expected, atol=1e-5)
    inputs = [keras.Input((3,), dtype="int32") for _ in range(2)]
    model = keras.Model(inputs, layer(inputs[0], positions=inputs[1]))
    np.testing.assert_allclose(to_numpy(model([TOKENS, rows])), expected, atol=1e-5)
    with pytest.raises(ValueError, match="`positions` must be one for each token"):
        layer(TOKENS, positions=np.zeros((4,), "int32"))
