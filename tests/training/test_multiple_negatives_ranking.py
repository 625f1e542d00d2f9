"""The loss over pairs of texts: by hand, what is left out, and that it is never split."""

import keras
import numpy as np
import pytest

from keras_attention.models import Model
from keras_attention.training import MultipleNegativesRanking
from tests.backend import BACKEND, to_numpy

RANDOM = np.random.default_rng(0)
VECTORS = RANDOM.normal(size=(10, 3)).astype("float32")  # 5 pairs
IDS = np.arange(1, 11)


def expected(vectors, scale=20.0, symmetric=False, left_out=()):
    """The loss of each pair in NumPy; `left_out` are pairs (i, j) where j is no negative of i."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    first, second = unit[::2], unit[1::2]
    logits = scale * (first @ second.T).astype("float64")
    for i, j in left_out:
        logits[i, j] = -np.inf
    right = np.diag(logits)
    values = np.log(np.exp(logits).sum(axis=1)) - right
    if symmetric:
        turned = scale * (second @ first.T).astype("float64")
        for i, j in left_out:
            turned[i, j] = -np.inf
        values = (values + np.log(np.exp(turned).sum(axis=1)) - right) / 2
    return values


@pytest.mark.parametrize("options", [{}, dict(scale=5.0), dict(symmetric=True)])
def test_it_is_what_numpy_computes(options):
    loss = MultipleNegativesRanking(**options)
    found = to_numpy(loss.call(IDS, VECTORS))
    values = expected(VECTORS, **options)
    np.testing.assert_allclose(found, np.repeat(values, 2), rtol=1e-5, atol=1e-5)
    assert float(loss(IDS, VECTORS)) == pytest.approx(values.mean(), rel=1e-5)
    assert float(loss(IDS, 7 * VECTORS)) == pytest.approx(values.mean(), rel=1e-5)  # any length
    again = MultipleNegativesRanking.from_config(loss.get_config())
    assert float(again(IDS, VECTORS)) == float(loss(IDS, VECTORS))


@pytest.mark.parametrize("symmetric", [False, True])
def test_rows_that_fill_the_batch_change_nothing(symmetric):
    loss = MultipleNegativesRanking(symmetric=symmetric)
    more = np.concatenate([VECTORS, RANDOM.normal(size=(4, 3)).astype("float32")])
    ids, weights = np.append(IDS, [0] * 4), np.array([1.0] * 10 + [0] * 4, "float32")
    assert float(loss(ids, more, weights)) == pytest.approx(float(loss(IDS, VECTORS)), rel=1e-6)
    # One row of nothing stands where a replica has none.
    found = to_numpy(loss.call(np.array([0]), np.zeros((1, 3), "float32")))
    np.testing.assert_array_equal(found, [0])


@pytest.mark.parametrize("symmetric", [False, True])
def test_equal_texts_are_no_negatives(symmetric):
    ids, vectors = IDS.copy(), VECTORS.copy()
    ids[3], vectors[3] = ids[1], vectors[1]  # pairs 0 and 1 have one second text
    ids[8], vectors[8] = ids[4], vectors[4]  # pairs 2 and 4 have one first text
    loss = MultipleNegativesRanking(symmetric=symmetric)
    values = expected(vectors, 20.0, symmetric, [(0, 1), (1, 0), (2, 4), (4, 2)])
    np.testing.assert_allclose(to_numpy(loss.call(ids, vectors))[::2], values, rtol=1e-5, atol=1e-5)


def small_model():
    keras.utils.set_random_seed(2)
    inputs = keras.Input((4,))
    return Model(inputs, keras.layers.Dense(3)(inputs))


def test_training_brings_pairs_together():
    x = np.repeat(RANDOM.normal(size=(6, 4)), 2, axis=0).astype("float32")
    x[1::2] += RANDOM.normal(size=(6, 4)) * 0.5
    y, weights = np.arange(1, 13), np.ones(12, "float32")
    model = small_model()
    model.compile(keras.optimizers.Adam(0.05), MultipleNegativesRanking())
    history = model.fit(x, y, sample_weight=weights, epochs=30, verbose=0, batch_size=12).history
    assert history["loss"][-1] < 0.3 * history["loss"][0]
    assert model.evaluate(x, y, sample_weight=weights, batch_size=12, verbose=0) == pytest.approx(
        expected(to_numpy(model(x))).mean(), rel=1e-4
    )


def test_vectors_of_nothing_have_finite_gradients():
    if BACKEND != "tensorflow":
        pytest.skip("the tape is TensorFlow's")
    import tensorflow as tf

    vectors = tf.Variable(np.concatenate([VECTORS, np.zeros((2, 3), "float32")]))
    with tf.GradientTape() as tape:
        loss = MultipleNegativesRanking()(
            np.append(IDS, [0, 0]), vectors, np.append(IDS > 0, [0, 0])
        )
    gradient = tape.gradient(loss, vectors).numpy()
    assert np.isfinite(gradient).all() and gradient[:10].any() and not gradient[10:].any()


@pytest.mark.skipif(BACKEND != "tensorflow", reason="micro-batches are the exact step's")
def test_micro_batches_are_refused():
    model = small_model()
    model.compile("sgd", MultipleNegativesRanking(), micro_batches=2)
    with pytest.raises(ValueError, match="`micro_batches` must be 1 with MultipleNegativesRanking"):
        model.fit(np.zeros((8, 4)), np.arange(1, 9), verbose=0)


@pytest.mark.parametrize("options", [dict(scale=0), dict(scale="20"), dict(symmetric=1)])
def test_what_it_refuses(options):
    (name,) = options
    with pytest.raises(ValueError, match=f"`{name}` must be .* Received: {name}="):
        MultipleNegativesRanking(**options)
