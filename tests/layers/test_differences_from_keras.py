"""What differs from Keras and KerasHub on purpose: the table of docs/python.md, row by row."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention import layers
from tests.backend import BACKEND, to_numpy

B, T, S, D, V = 2, 5, 7, 8, 11
RNG = np.random.default_rng(6)
X = RNG.normal(size=(B, T, D)).astype("float32")
MEMORY = RNG.normal(size=(B, S, D)).astype("float32")


def set_stock_weights():
    ours, stock = layers.MultiHeadAttention(2, 4), keras.layers.MultiHeadAttention(2, 4)
    ours(X, MEMORY), stock(X, MEMORY)
    ours.set_weights(stock.get_weights())


def decoder_step(**caches):
    block = layers.TransformerDecoder(14, 2)
    block(X, MEMORY)
    caches = {"self_attention_cache": block.empty_cache(B, T), **caches}
    block(X, MEMORY, self_attention_cache_update_index=0, **caches)


@pytest.mark.parametrize(
    "make, way",
    [
        (lambda: layers.MultiHeadAttention(2, 4, attention_axes=(1, 2)), "keras.ops.reshape"),
        (lambda: layers.MultiHeadAttention(2, 4, use_gate=True), "keras.layers.Dense"),
        (lambda: layers.MultiHeadAttention(2, 4, flash_attention=True), "keras.layers.Multi"),
        (lambda: layers.AdditiveAttention(), "keras.layers.AdditiveAttention"),
        (lambda: layers.AdditiveAttention(4, use_scale=True), "always have the learned vector"),
        (lambda: layers.AdditiveAttention(4, use_scale=False), "always have the learned vector"),
        (lambda: layers.MultiHeadAttention(2, 4, output_shape=(3, 4)), "keras.ops.reshape"),
        (lambda: set_stock_weights(), "keras_attention.layers.from_keras"),
        (lambda: layers.MaskedLMHead(vocabulary_size=9, activation=ops.softmax), "ops.softmax"),
        (lambda: decoder_step(self_attention_cache=np.zeros((B, 2, T, 2, 4))), "empty_cache"),
        (lambda: decoder_step(cross_attention_cache=np.zeros((B, 2, S, 2, 4))), "project_encoder"),
        (lambda: layers.MaskedLMHead(vocabulary_size=9, activation="softmax"), "keras.ops.softmax"),
        (
            lambda: layers.MaskedLMHead(
                vocabulary_size=9, intermediate_activation="relu", activation="softmax"
            ),
            "keras.ops.softmax",
        ),
        (lambda: layers.MaskedLMHead(), "vocabulary_size"),
    ],
)
def test_what_stays_different_names_our_way(make, way):
    with pytest.raises(ValueError, match=way):
        make()


@pytest.mark.parametrize(
    "name", ["SinePositionEncoding", "Attention", "CachedMultiHeadAttention", "ReversibleEmbedding"]
)
def test_a_name_of_the_peers_names_ours(name):
    with pytest.raises(ImportError, match=rf"has no {name}: .*(Attention|Encoding|Embedding)"):
        exec(f"from keras_attention.layers import {name}")
    with pytest.raises(ImportError, match=f"has no {name}: "):
        getattr(layers, name)
    assert not hasattr(layers, "Nonsense")


def test_a_query_that_may_attend_to_nothing_gets_zeros_where_keras_has_a_mean():
    stock = keras.layers.MultiHeadAttention(2, 4)
    expected = stock(X, MEMORY, value_mask=np.zeros((B, S), bool))
    found = layers.from_keras(stock)(X, MEMORY, value_mask=np.zeros((B, S), bool))
    assert np.abs(to_numpy(expected)).max() > 0.01
    np.testing.assert_array_equal(to_numpy(found), np.zeros((B, T, D)))


@pytest.mark.skipif(BACKEND != "tensorflow", reason="JAX gives NaN")
@pytest.mark.parametrize("index", [-1, V])
def test_an_id_out_of_range_is_an_error_where_keras_takes_the_last_row(index):
    stock = keras.layers.Embedding(V, D)
    ids = np.array([[3, -1]])
    np.testing.assert_array_equal(to_numpy(stock(ids))[:, 1], to_numpy(stock.embeddings)[-1:])
    with pytest.raises(Exception, match=rf"not in \[0, {V}\)"):
        layers.TokenAndPositionEmbedding(V, 6, D)(np.array([[3, index]]))


def test_a_cross_attention_cache_is_made_anew_on_request():
    block = layers.TransformerDecoder(14, 2)
    expected = to_numpy(block(X, MEMORY))
    cache, memory, found = block.empty_cache(B, T), None, []
    for t in range(T):
        given = dict(encoder_sequence=MEMORY, cross_attention_cache_update_index=0)
        if t:
            given = dict(cross_attention_cache=memory)
        x, cache, *new = block(
            X[:, t : t + 1],
            self_attention_cache=cache,
            self_attention_cache_update_index=t,
            **given,
        )
        memory = new[0] if new else memory
        assert len(new) == (t == 0)
        found.append(to_numpy(x))
    np.testing.assert_allclose(np.concatenate(found, 1), expected, atol=1e-5)
    with pytest.raises(ValueError, match="`encoder_sequence` must be given together with"):
        block(X, cross_attention_cache=memory, cross_attention_cache_update_index=0)
