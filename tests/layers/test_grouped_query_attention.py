"""Queries that share keys and values: as if these were repeated; calls, steps and reading alike."""

import keras
import numpy as np
import pytest

from keras_attention.layers import GroupedQueryAttention, MultiHeadAttention, RotaryEmbedding
from keras_attention.layers.attention_cache import cache_slots, extend_cache, row_slots
from tests.backend import to_numpy

B, T, D, H, G, K = 2, 5, 12, 6, 2, 4
X = np.random.default_rng(0).normal(size=(B, T, D)).astype("float32")


def layer(**options):
    keras.utils.set_random_seed(3)
    made = GroupedQueryAttention(
        num_heads=H, key_dim=K, num_key_value_heads=G, bias_initializer="normal", **options
    )
    made.build(X.shape)
    return made


@pytest.mark.parametrize("chunk_size", [None, 2])
def test_it_is_attention_with_repeated_keys(chunk_size):
    grouped = layer(chunk_size=chunk_size)
    full = MultiHeadAttention(num_heads=H, key_dim=K)
    full.build(X.shape)

    def repeated(stored):
        query, key, value = np.split(to_numpy(stored), [H * K, (H + G) * K], axis=-1)

        def of_every_head(part):
            split = part.reshape(*part.shape[:-1], G, K)
            return np.repeat(split, H // G, axis=-2).reshape(*part.shape[:-1], H * K)

        return np.concatenate([query, of_every_head(key), of_every_head(value)], axis=-1)

    full.query_key_value_kernel.assign(repeated(grouped.query_key_value_kernel))
    full.query_key_value_bias.assign(repeated(grouped.query_key_value_bias))
    full.output_kernel.assign(grouped.output_kernel)
    full.output_bias.assign(grouped.output_bias)
    for options in ({}, {"use_causal_mask": True}):
        np.testing.assert_allclose(
            to_numpy(grouped(X, **options)), to_numpy(full(X, **options)), atol=1e-5
        )
    _, scores = grouped(X, return_attention_scores=True)
    np.testing.assert_allclose(
        to_numpy(scores), to_numpy(full(X, return_attention_scores=True)[1]), atol=1e-6
    )


@pytest.mark.parametrize("window", [None, 2])
def test_steps_are_a_call(window):
    attention = layer(rotary_embedding=RotaryEmbedding(100.0), sliding_window=window)
    expected = to_numpy(attention(X, use_causal_mask=True))
    cache = attention.empty_cache(B, T)
    assert cache["key"].shape == (B, G, T, K)
    for t in range(T):
        found, _, cache = attention.step(X[:, t], cache, cache_slots(cache, t))
        np.testing.assert_allclose(to_numpy(found), expected[:, t], atol=1e-5)
    several = attention.empty_cache(B, T)
    found, _, several = attention.step(X[:, :3], several, cache_slots(several, 0, length=3))
    np.testing.assert_allclose(to_numpy(found), expected[:, :3], atol=1e-5)


def test_reading_is_a_call_and_its_cache_goes_on():
    attention = layer(rotary_embedding=RotaryEmbedding(100.0))
    expected = to_numpy(attention(X, use_causal_mask=True))
    found, cache = attention.read(X[:, :3])
    np.testing.assert_allclose(to_numpy(found), expected[:, :3], atol=1e-5)
    cache = extend_cache(cache, 2)
    for t in (3, 4):
        found, _, cache = attention.step(X[:, t], cache, row_slots(cache, np.array([t, t])))
        np.testing.assert_allclose(to_numpy(found), expected[:, t], atol=1e-5)


def test_its_parts_are_saved(tmp_path):
    inputs = keras.Input((None, D))
    outputs = layer(rotary_embedding=RotaryEmbedding(100.0))(inputs, use_causal_mask=True)
    model = keras.Model(inputs, outputs)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(to_numpy(again(X)), to_numpy(model(X)), atol=1e-6)


@pytest.mark.parametrize(
    "options, said",
    [
        ({"num_key_value_heads": 4}, "`num_key_value_heads` must be a divisor of `num_heads`"),
        ({"num_key_value_heads": 0}, "`num_key_value_heads` must be a positive integer"),
        ({"rotary_embedding": 3}, "`rotary_embedding` must be a `RotaryEmbedding` or None"),
    ],
)
def test_what_is_refused(options, said):
    with pytest.raises(ValueError, match=said):
        GroupedQueryAttention(num_heads=H, key_dim=K, **options)
