"""Chunks of a long sequence: what the function gives, written without a pass over all each time."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention.graph import map_chunks as module
from keras_attention.graph.map_chunks import MOST_WRITTEN, map_chunks

RANDOM = np.random.default_rng(0)
KEYS = RANDOM.normal(size=(2, 3, 4)).astype("float32")


def score(rows, keys):
    return ops.sum(ops.tanh(ops.expand_dims(rows, 2) + ops.expand_dims(keys, 1)), -1)


@pytest.mark.parametrize("length", [1, 2, 7, 2 * MOST_WRITTEN, 2 * MOST_WRITTEN + 1, 401])
def test_it_is_the_function(length):
    rows = RANDOM.normal(size=(2, length, 4)).astype("float32")
    found = map_chunks(score, ops.convert_to_tensor(rows), KEYS, [], chunk_size=2)
    np.testing.assert_allclose(found, score(rows, KEYS), rtol=1e-5, atol=1e-5)


def test_the_passes_over_a_long_result_are_few(monkeypatch):
    counts, really = [], module.fori_loop

    def counting(count, body, state):
        counts.append((count, int(np.prod(state.shape))))
        return really(count, body, state)

    monkeypatch.setattr(module, "fori_loop", counting)
    rows = ops.ones((1, 2048, 4))
    map_chunks(score, rows, ops.ones((1, 3, 4)), [], chunk_size=2)
    written = sum(count * size for count, size in counts)
    assert written <= 70 * 2048 * 3  # and not 1,024 times as much as the result has
    assert max(count for count, _ in counts) <= MOST_WRITTEN


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a gradient tape")
@pytest.mark.parametrize("jit", [False, True])
def test_gradients_through_both_loops(jit):
    import tensorflow as tf

    rows = tf.constant(RANDOM.normal(size=(2, 300, 4)).astype("float32"))

    @tf.function(jit_compile=jit, autograph=False)
    def gradient(chunk_size):
        with tf.GradientTape() as tape:
            tape.watch(rows)
            found = map_chunks(score, rows, tf.constant(KEYS), [], chunk_size)
            loss = tf.reduce_sum(tf.square(found))
        return tape.gradient(loss, rows)

    np.testing.assert_allclose(gradient(2), gradient(300), rtol=1e-4, atol=1e-5)
