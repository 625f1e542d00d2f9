"""`MultiHeadAttention(chunk_size=...)` is the plain layer, without its (B, H, T, S)."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from keras_attention.layers import MultiHeadAttention
from tests.backend import BACKEND, compiled, examples, gradients, largest_tensor, to_numpy

B, T, S, D, H, K = 3, 11, 7, 6, 2, 4
RNG = np.random.default_rng(8)
QUERY = RNG.normal(size=(B, T, D)).astype("float32")
VALUE = RNG.normal(size=(B, S, D)).astype("float32")


class Nearby(MultiHeadAttention):
    """Scores with a weight of their own, which see positions."""

    def build(self, query_shape, value_shape=None, key_shape=None):
        super().build(query_shape, value_shape, key_shape)
        self.slope = self.add_weight(name="slope", shape=(), initializer="ones")

    def score(self, query, key, query_positions, key_positions):
        distance = ops.expand_dims(query_positions, -1) - ops.expand_dims(key_positions, -2)
        if len(distance.shape) == 3:  # rows have positions of their own
            distance = ops.expand_dims(distance, 1)
        slope = ops.cast(self.slope, query.dtype)
        scores = super().score(query, key, query_positions, key_positions)
        return scores - slope * ops.cast(ops.abs(distance), query.dtype)


def pair(cls=MultiHeadAttention, chunk_size=4, cross=False, **options):
    """The plain layer and the one that works in chunks."""
    keras.utils.set_random_seed(2)
    plain, chunked = (cls(H, K, chunk_size=size, **options) for size in (None, chunk_size))
    for layer in (plain, chunked):
        layer(QUERY, VALUE) if cross else layer(QUERY)
    rng = np.random.default_rng(1)
    weights = [rng.normal(scale=0.5, size=weight.shape) for weight in plain.weights]
    plain.set_weights(weights)
    chunked.set_weights(weights)
    return plain, chunked


@settings(max_examples=examples(30))
@given(
    cross=st.booleans(),
    causal=st.booleans(),
    window=st.sampled_from([None, 3]),
    values=st.none() | st.lists(st.integers(0, S), min_size=B, max_size=B),
    queries=st.none() | st.lists(st.integers(0, T), min_size=B, max_size=B),
    pairs=st.none() | st.sampled_from([(), (B,), (B, H)]),
    chunk_size=st.sampled_from([1, 3, 4, 20]),
    training=st.booleans(),
)
def test_every_mask(cross, causal, window, values, queries, pairs, chunk_size, training):
    plain, chunked = pair(Nearby, chunk_size, cross, sliding_window=window)
    length, given = S if cross else T, {"use_causal_mask": causal}
    if values is not None:
        given["value_mask"] = np.arange(length) < np.array(values)[:, None]
    if queries is not None:
        given["query_mask"] = np.arange(T) < np.array(queries)[:, None]
    if pairs is not None:
        given["attention_mask"] = np.random.default_rng(3).random((*pairs, T, length)) < 0.5
    inputs = (QUERY, VALUE) if cross else (QUERY,)
    expected = to_numpy(plain(*inputs, **given))
    found = to_numpy(chunked(*inputs, training=training, **given))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    found = chunked(*inputs, return_attention_scores=True, **given)
    assert found[1].shape == (B, H, T, length)


@pytest.mark.parametrize(
    ("jit", "training"),
    [
        pytest.param(None, False, id="eager"),
        pytest.param(None, True, id="eager, training"),
        pytest.param(False, False, id="graph"),
        pytest.param(True, True, id="jit, training"),
        pytest.param(False, True, id="graph, training", marks=pytest.mark.slow),
        pytest.param(True, False, id="jit", marks=pytest.mark.slow),
    ],
)
def test_gradients_are_those_of_the_plain_layer(training, jit):
    if BACKEND == "jax" and jit is not None:
        pytest.skip("jax.grad of the eager call is compiled already")
    plain, chunked = pair(Nearby, cross=True)
    inputs = [keras.Variable(QUERY), keras.Variable(VALUE)]
    mask = np.arange(S) < np.array([[S], [3], [0]])
    direction = RNG.normal(size=(B, T, D)).astype("float32")

    def loss(layer):
        query, value = (ops.convert_to_tensor(x) for x in inputs)
        output = layer(query, value, value_mask=mask, use_causal_mask=True, training=training)
        return ops.sum(output * direction)

    def all_gradients(layer):
        weights = [*inputs, *layer.trainable_weights]
        if jit is None:
            return gradients(lambda: loss(layer), weights)
        import tensorflow as tf

        def take():
            with tf.GradientTape() as tape:
                value = loss(layer)
            return tape.gradient(value, [w.value for w in weights])

        return to_numpy(compiled(take, jit)())

    for found, expected in zip(all_gradients(chunked), all_gradients(plain), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5, rtol=1e-4)


def test_the_gradient_drops_what_the_call_dropped():
    """The output is linear in the values: it is what its gradient for them says."""
    layer = MultiHeadAttention(H, K, chunk_size=4, dropout=0.5, use_bias=False, seed=1)
    value = keras.Variable(VALUE)
    layer(QUERY, VALUE, key=VALUE)
    results = []

    def loss():
        output = layer(QUERY, ops.convert_to_tensor(value), key=VALUE, training=True)
        results.append(ops.sum(output * QUERY))
        return results[-1]

    (gradient,) = gradients(loss, [value])
    if BACKEND == "tensorflow":  # on JAX the result is no number yet
        np.testing.assert_allclose((gradient * VALUE).sum(), to_numpy(results[0]), rtol=1e-4)
    calm = to_numpy(layer(QUERY, VALUE, key=VALUE))
    first, second = (to_numpy(layer(QUERY, VALUE, key=VALUE, training=True)) for _ in range(2))
    assert np.abs(first - calm).max() > 1e-3
    assert np.abs(first - second).max() > 1e-3


@pytest.mark.parametrize("training", [False, True])
def test_no_tensor_of_all_scores_is_ever_made(training):
    x = RNG.normal(size=(2, 64, D)).astype("float32")
    sizes = []
    for layer in pair(chunk_size=8):
        found = largest_tensor(
            lambda layer=layer: ops.sum(layer(x, training=training)), layer.trainable_weights
        )
        sizes.append(found)
    assert sizes[0] >= 2 * H * 64 * 64
    assert sizes[1] <= 2 * H * 64 * 64 / 2


@pytest.mark.skipif(BACKEND != "tensorflow", reason="unknown sizes are TensorFlow's")
def test_unknown_lengths():
    import tensorflow as tf

    plain, chunked = pair()
    function = tf.function(
        lambda x: chunked(x, use_causal_mask=True),
        input_signature=[tf.TensorSpec((None, None, D))],
        autograph=False,
    )
    for length in (0, 1, 4, 6, 11):
        x = QUERY[:, :length]
        expected = to_numpy(plain(x, use_causal_mask=True))
        np.testing.assert_allclose(to_numpy(function(x)), expected, atol=1e-5)


def test_what_is_out_of_range_is_refused():
    with pytest.raises(ValueError, match="`chunk_size` must be a positive integer"):
        MultiHeadAttention(H, K, chunk_size=0)
