import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from keras_attention.layers import AdditiveAttention
from tests.backend import BACKEND, compiled, gradients, to_numpy

B, T, S, D, DV, U = 3, 7, 5, 6, 4, 8
RNG = np.random.default_rng(8)
QUERY = RNG.normal(size=(B, T, D)).astype("float32")
VALUE = RNG.normal(size=(B, S, DV)).astype("float32")


def by_the_paper(weights, query, value, mask, bias=0.0):
    """Appendix A.1.2 in NumPy: e_ij = v^T tanh(W s_i + U h_j), alpha = softmax, c = sum alpha h."""
    w, u, v = weights
    energies = np.tanh((query @ w)[:, :, None] + (value @ u)[:, None] + bias) @ v[:, 0]
    energies = np.where(mask, energies, -np.inf)
    largest = energies.max(-1, keepdims=True)
    alpha = np.exp(energies - np.where(np.isfinite(largest), largest, 0))
    total = alpha.sum(-1, keepdims=True)
    alpha = np.divide(alpha, total, out=np.zeros_like(alpha), where=total > 0)
    return alpha @ value, alpha


def make(chunk_size=16, seed=0, **options):
    layer = AdditiveAttention(U, chunk_size=chunk_size, **options)
    layer.build(QUERY.shape, VALUE.shape)
    rng = np.random.default_rng(seed)
    layer.set_weights([rng.normal(scale=0.5, size=w.shape) for w in layer.get_weights()])
    return layer


@settings(max_examples=30)
@given(
    values=st.none() | st.lists(st.integers(0, S), min_size=B, max_size=B),
    queries=st.none() | st.lists(st.integers(0, T), min_size=B, max_size=B),
    causal=st.booleans(),
    pairs=st.none() | st.integers(0, 2**32 - 1),
    chunk_size=st.sampled_from([1, 2, 3, 7, 16]),
)
def test_the_papers_formula_under_every_mask_and_block(values, queries, causal, pairs, chunk_size):
    mask, arguments = np.ones((B, T, S), bool), {"use_causal_mask": causal}
    if values is not None:
        arguments["value_mask"] = np.arange(S) < np.array(values)[:, None]
        mask &= arguments["value_mask"][:, None, :]
    if queries is not None:
        arguments["query_mask"] = np.arange(T) < np.array(queries)[:, None]
        mask &= arguments["query_mask"][:, :, None]
    if causal:
        mask &= np.tril(np.ones((T, S), bool))
    if pairs is not None:
        arguments["attention_mask"] = np.random.default_rng(pairs).random((B, T, S)) < 0.5
        mask &= arguments["attention_mask"]
    layer = make(chunk_size)
    context, alpha = by_the_paper(layer.get_weights(), QUERY, VALUE, mask)
    found, scores = to_numpy(layer(QUERY, VALUE, return_attention_scores=True, **arguments))
    np.testing.assert_allclose(scores, alpha, atol=1e-5)
    np.testing.assert_allclose(found, context, atol=1e-5)


def test_uniform_attention_with_v_zero():
    layer = make(3)
    w, u, v = layer.get_weights()
    layer.set_weights([w, u, 0 * v])
    _, scores = layer(QUERY, VALUE, return_attention_scores=True)
    np.testing.assert_allclose(to_numpy(scores), 1 / S, rtol=1e-6)


@pytest.mark.parametrize(
    ("energies", "keys", "alpha", "context"),
    [
        ((0, 0, np.log(2)), None, (0.25, 0.25, 0.5), None),
        ((2, 0.5, 1), ((1, 0), (0, 1), (1, 1)), (0.62853, 0.14024, 0.23122), (0.85976, 0.37147)),
    ],
)
def test_worked_alphas_and_contexts(energies, keys, alpha, context):
    class Given(AdditiveAttention):
        def score(self, query, key):
            return ops.zeros_like(query[:, :, :1]) + np.array(energies, "float32")

    value = np.array(keys or np.eye(3), "float32")[None]
    found, scores = Given(4)(np.zeros((1, 2, 3), "float32"), value, return_attention_scores=True)
    np.testing.assert_allclose(to_numpy(scores)[0], [alpha] * 2, atol=1e-5)
    if context:
        np.testing.assert_allclose(to_numpy(found)[0], [context] * 2, atol=1e-5)


def test_keras_own_layer_is_the_case_without_projections():
    layer = AdditiveAttention(D, score_initializer="ones")
    key = RNG.normal(size=(B, S, D)).astype("float32")
    layer(QUERY, VALUE, key=key)
    layer.set_weights([np.eye(D), np.eye(D), np.ones((D, 1))])
    mask = np.arange(S) < np.array([[5], [2], [1]])
    stock = keras.layers.AdditiveAttention(use_scale=False)
    expected = stock([QUERY, VALUE, key], mask=[None, mask], return_attention_scores=True)
    found = layer(QUERY, VALUE, key=key, value_mask=mask, return_attention_scores=True)
    for a, b in zip(to_numpy(found), to_numpy(expected), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_projected_keys_are_made_once():
    layer = make(2, use_bias=True)
    projected = layer.project_keys(VALUE)
    assert projected.shape == (B, S, U)
    for step in range(T):
        one = layer(QUERY[:, step : step + 1], VALUE, projected_keys=projected)
        np.testing.assert_allclose(
            to_numpy(one)[:, 0], to_numpy(layer(QUERY, VALUE))[:, step], atol=1e-5
        )


def test_the_bias_stands_inside_the_tanh():
    layer = make(use_bias=True)
    *weights, bias = layer.get_weights()
    expected, _ = by_the_paper(weights, QUERY, VALUE, np.ones((B, T, S), bool), bias)
    np.testing.assert_allclose(to_numpy(layer(QUERY, VALUE)), expected, atol=1e-5)


def test_the_normalised_form():
    layer = make(normalize=True)
    w, u, v, length = layer.get_weights()
    scaled = v * length / np.linalg.norm(v)
    expected, _ = by_the_paper([w, u, scaled], QUERY, VALUE, np.ones((B, T, S), bool))
    np.testing.assert_allclose(to_numpy(layer(QUERY, VALUE)), expected, atol=1e-5)
    fresh = AdditiveAttention(16, normalize=True)
    fresh(QUERY, VALUE)
    assert fresh.get_weights()[3] == pytest.approx(0.25)


class Squared(AdditiveAttention):
    """Another score, with a weight of its own."""

    def build(self, query_shape, value_shape, key_shape=None):
        super().build(query_shape, value_shape, key_shape)
        self.power = self.add_weight(name="power", shape=(self.units,), initializer="ones")

    def score(self, query, key):
        return super().score(query, key) + ops.einsum("btu,bsu,u->bts", query, key, self.power)


@pytest.mark.parametrize(
    ("jit", "constructor"),
    [
        pytest.param(None, AdditiveAttention, id="eager"),
        pytest.param(False, Squared, id="graph, another score"),
        pytest.param(True, AdditiveAttention, id="jit"),
        pytest.param(None, Squared, id="eager, another score"),
        pytest.param(False, AdditiveAttention, id="graph", marks=pytest.mark.slow),
        pytest.param(True, Squared, id="jit, another score", marks=pytest.mark.slow),
    ],
)
def test_gradients_in_chunks_are_those_of_the_plain_formula(constructor, jit):
    if BACKEND == "jax" and jit is not None:
        pytest.skip("jax.grad of the eager call is compiled already")
    keras.utils.set_random_seed(2)
    plain = constructor(U, chunk_size=100, use_bias=True)
    plain(QUERY, VALUE)
    blocked = constructor(U, chunk_size=2, use_bias=True)
    blocked(QUERY, VALUE)
    blocked.set_weights(plain.get_weights())
    inputs = [keras.Variable(QUERY), keras.Variable(VALUE)]
    direction = RNG.normal(size=(B, T, DV)).astype("float32")

    def loss(layer):
        query, value = (ops.convert_to_tensor(x) for x in inputs)
        return ops.sum(layer(query, value, use_causal_mask=True) * direction)

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

    for found, expected in zip(all_gradients(blocked), all_gradients(plain), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5, rtol=1e-4)


def test_dropout_only_while_training():
    layer = AdditiveAttention(U, dropout=0.5, seed=1)
    calm = to_numpy(layer(QUERY, VALUE))
    np.testing.assert_array_equal(to_numpy(layer(QUERY, VALUE, training=False)), calm)
    assert np.abs(to_numpy(layer(QUERY, VALUE, training=True)) - calm).max() > 1e-3


@pytest.mark.skipif(BACKEND != "tensorflow", reason="unknown sizes are TensorFlow's")
def test_blocks_of_unknown_lengths():
    import tensorflow as tf

    layer = make(4)
    function = tf.function(
        layer,
        input_signature=[tf.TensorSpec((None, None, D)), tf.TensorSpec((None, None, DV))],
        autograph=False,
    )
    for length in (1, 4, 6, 7):
        found = to_numpy(function(QUERY[:2, :length], VALUE[:2]))
        np.testing.assert_allclose(found, to_numpy(layer(QUERY, VALUE))[:2, :length], atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(units=0), "`units` must be a positive integer"),
        (dict(units=4, chunk_size=0), "`chunk_size` must be a positive integer"),
        (dict(units=4, dropout=1.0), "`dropout` must be"),
    ],
)
def test_what_is_out_of_range_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        AdditiveAttention(**arguments)
