"""Causal attention to the last w keys, by blocks: as dense attention under its mask, smaller."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from keras_attention import masks
from keras_attention.layers import MultiHeadAttention
from tests.backend import compiled, examples, gradients, largest_tensor, to_numpy

D, H, K = 6, 2, 3


class Biased(MultiHeadAttention):
    """Scores that depend on positions and heads, as ALiBi's do."""

    def score(self, query, key, query_positions, key_positions):
        distance = ops.expand_dims(query_positions, -1) - ops.expand_dims(key_positions, -2)
        while len(distance.shape) < 4:  # (..., T, S) to (B or 1, 1, T, S)
            distance = ops.expand_dims(distance, -3 if len(distance.shape) > 2 else 0)
        slopes = ops.reshape(ops.convert_to_tensor([0.5, 0.125]), (1, H, 1, 1))
        bias = slopes * ops.cast(distance, "float32")
        return super().score(query, key, query_positions, key_positions) - bias


def layer(window, kind=MultiHeadAttention, **options):
    keras.utils.set_random_seed(5)
    return kind(num_heads=H, key_dim=K, sliding_window=window, bias_initializer="normal", **options)


def densely(attention, x, query_mask=None, value_mask=None, segment_ids=None):
    """The same layer, given a mask of pairs, which it computes all of."""
    length = x.shape[1]
    pairs = np.tril(np.ones((length, length), bool))
    if segment_ids is not None:
        pairs = pairs & (segment_ids[:, :, None] == segment_ids[:, None, :])
    return attention(
        x,
        query_mask=query_mask,
        value_mask=value_mask,
        attention_mask=pairs,
        use_causal_mask=True,
    )


@settings(max_examples=examples(40))
@given(data=st.data())
def test_it_is_attention_under_the_mask(data):
    length = data.draw(st.integers(1, 17), "T")
    window = data.draw(st.integers(1, 6), "w")
    kind = data.draw(st.sampled_from([MultiHeadAttention, Biased]), "layer")
    seed = data.draw(st.integers(0, 99), "seed")
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(2, length, D)).astype("float32")
    given_masks = {}
    for name in ("query_mask", "value_mask"):
        if data.draw(st.booleans(), name):
            given_masks[name] = rng.random((2, length)) < 0.7
    if data.draw(st.booleans(), "segments"):
        given_masks["segment_ids"] = np.cumsum(rng.random((2, length)) < 0.3, axis=1)
    attention = layer(window, kind)
    found = attention(x, use_causal_mask=True, **given_masks)
    expected = densely(attention, x, **given_masks)
    np.testing.assert_allclose(to_numpy(found), to_numpy(expected), atol=1e-5)


def test_a_key_leaves_the_band_after_w_positions():
    attention, x = layer(3), np.zeros((1, 8, D), "float32")
    x[:] = np.random.default_rng(0).normal(size=x.shape)
    before = to_numpy(attention(x, use_causal_mask=True))
    x[:, 2] += 1
    changed = np.abs(to_numpy(attention(x, use_causal_mask=True)) - before).max(axis=(0, 2)) > 1e-6
    np.testing.assert_array_equal(changed, [False, False, True, True, True, False, False, False])


def test_lengths_that_a_graph_does_not_know():
    attention = layer(3)
    attention.build((None, None, D))
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        function = tf.function(
            lambda x: attention(x, use_causal_mask=True),
            input_signature=[tf.TensorSpec((None, None, D))],
            autograph=False,
        )
    else:
        function = compiled(lambda x: attention(x, use_causal_mask=True))
    for length in (1, 2, 3, 4, 9):
        x = np.random.default_rng(length).normal(size=(2, length, D)).astype("float32")
        np.testing.assert_allclose(
            to_numpy(function(ops.convert_to_tensor(x))), to_numpy(densely(attention, x)), atol=1e-5
        )


def test_gradients_are_those_of_attention_under_the_mask():
    attention, x = layer(2), np.random.default_rng(0).normal(size=(2, 7, D)).astype("float32")
    target = np.random.default_rng(1).normal(size=x.shape).astype("float32")
    attention.build(x.shape)
    found = gradients(
        lambda: ops.sum(attention(x, use_causal_mask=True) * target), attention.trainable_weights
    )
    expected = gradients(
        lambda: ops.sum(densely(attention, x) * target), attention.trainable_weights
    )
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("length", [64, 256])
def test_nothing_of_all_pairs_is_made(length):
    """Memory grows as T w: no tensor of the gradient holds T * T scores."""
    attention = layer(4)
    x = np.random.default_rng(0).normal(size=(1, length, D)).astype("float32")
    attention.build(x.shape)
    weights = attention.trainable_weights
    banded = largest_tensor(lambda: ops.sum(attention(x, use_causal_mask=True) ** 2), weights)
    assert banded <= 48 * length  # for example 2 heads of 2 * 4 scores, or 3 * 2 heads of width 3
    dense = largest_tensor(lambda: ops.sum(densely(attention, x) ** 2), weights)
    assert dense >= length * length


def test_segments_hide_other_segments_from_dense_attention_too():
    attention, rng = layer(None), np.random.default_rng(0)
    x = rng.normal(size=(2, 6, D)).astype("float32")
    segments = np.array([[0, 0, 0, 1, 1, 2], [5, 5, 3, 3, 3, 3]])
    together = to_numpy(attention(x, use_causal_mask=True, segment_ids=segments))
    for row in range(2):
        for number in np.unique(segments[row]):
            part = x[row : row + 1, segments[row] == number]
            alone = to_numpy(attention(part, use_causal_mask=True))
            np.testing.assert_allclose(together[row, segments[row] == number], alone[0], atol=1e-5)
    with pytest.raises(ValueError, match="`segment_ids` must be None where there is a `value`"):
        attention(x, x + 1, segment_ids=segments)


def test_positions_are_counted_in_segments():
    segments = np.array([[4, 4, 4, 7, 7, 4], [0, 0, 0, 0, 0, 0], [1, 2, 3, 3, 2, 2]])
    expected = [[0, 1, 2, 0, 1, 0], [0, 1, 2, 3, 4, 5], [0, 0, 0, 1, 0, 1]]
    np.testing.assert_array_equal(to_numpy(masks.segment_positions(segments)), expected)
