import math

import keras
import numpy as np
import pytest

from keras_attention.layers import MaskedLMHead, TokenAndPositionEmbedding
from tests.backend import gradients, to_numpy

B, T, P, D, E, V = 3, 5, 2, 4, 6, 11
RNG = np.random.default_rng(8)
X = RNG.normal(size=(B, T, D)).astype("float32")
POSITIONS = np.array([[4, 1], [0, 0], [3, 2]], "int32")


def make(**options):
    keras.utils.set_random_seed(3)
    embedding = TokenAndPositionEmbedding(V, 9, E, name="embedding")
    head = MaskedLMHead(embedding, **options)
    head.build(X.shape, POSITIONS.shape)
    random = np.random.default_rng(9)  # the same weights, whichever tests run
    head.set_weights([random.normal(size=w.shape) for w in head.get_weights()])
    return head


def gelu(x):
    return x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2


def in_numpy(head, x, epsilon):
    """LayerNorm(gelu(x W + b)) E^T + bias."""
    kernel, bias = head.dense.get_weights()
    gamma, beta = head.normalization.get_weights()
    hidden = gelu(x @ kernel + bias)
    centred = hidden - hidden.mean(-1, keepdims=True)
    normed = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + epsilon) * gamma + beta
    return normed @ to_numpy(head.embedding.token_embeddings.value).T + to_numpy(
        head.token_bias.value
    )


@pytest.mark.parametrize("epsilon", [1e-12, 0.1])
def test_the_formula_at_the_given_positions(epsilon):
    head = make(layer_norm_epsilon=epsilon)
    expected = in_numpy(head, np.take_along_axis(X, POSITIONS[..., None], 1), epsilon)
    found = to_numpy(head(X, POSITIONS))
    assert found.shape == (B, P, V)
    np.testing.assert_allclose(found, expected, atol=1e-4, rtol=1e-5)


def test_without_positions_everything_is_predicted():
    head = make()
    np.testing.assert_allclose(to_numpy(head(X)), in_numpy(head, X, 1e-12), atol=1e-4, rtol=1e-5)
    assert head(keras.KerasTensor((None, None, D))).shape == (None, None, V)


def test_its_parameters():
    """E D + E, 2 E for the norm and a bias for each token; the matrix is the embedding's."""
    head = make()
    assert head.count_params() == D * E + E + 2 * E + V + head.embedding.count_params()


def test_the_projection_trains_the_embedding():
    head = make()

    def loss():
        return keras.ops.sum(head(X, POSITIONS)[:, :, 7])

    (gradient,) = gradients(loss, [head.embedding.token_embeddings])
    assert np.abs(gradient[7]).max() > 0
    assert not np.delete(gradient, 7, axis=0).any()


def test_a_reloaded_model_is_still_tied(tmp_path):
    """Also in a functional model that says nothing of it."""
    ids = keras.Input((None,), dtype="int32", name="ids")
    positions = keras.Input((None,), dtype="int32", name="positions")
    embedding = TokenAndPositionEmbedding(V, 9, E, name="embedding")
    head = MaskedLMHead(embedding, name="head")
    model = keras.Model([ids, positions], head(embedding(ids), positions))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.get_layer("head").embedding is loaded.get_layer("embedding")
    inputs = [np.array([[4, 5, 6]], "int32"), np.array([[2, 0]], "int32")]
    np.testing.assert_allclose(to_numpy(loaded(inputs)), to_numpy(model(inputs)), atol=1e-6)
    assert loaded.count_params() == model.count_params() == V * E + 9 * E + E * E + 3 * E + V
