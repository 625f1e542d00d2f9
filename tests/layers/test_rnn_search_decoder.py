"""RNNsearch against the equations of Bahdanau, Cho & Bengio 2015, appendix A, in NumPy."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_attention.layers import AdditiveAttention, Maxout, RecurrentEncoder, RNNSearchDecoder
from tests.backend import to_numpy

B, T, S, M, N, L, NA = 2, 4, 5, 3, 6, 4, 7  # M embedding, N hidden, L maxout, NA alignment
RNG = np.random.default_rng(9)
SOURCE = RNG.normal(size=(B, S, M)).astype("float32")
TARGET = RNG.normal(size=(B, T, M)).astype("float32")
LENGTHS = [5, 3]
MASK = np.arange(S) < np.array(LENGTHS)[:, None]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def papers_gru(weights, x, state):
    """A.1.1: z the share of the NEW state, r applied before the multiplication."""
    kernel, recurrent, bias = weights
    from_x = np.split(x @ kernel + bias, 3)
    wz, wr, w = np.split(recurrent, 3, axis=1)
    new_share = 1 - sigmoid(from_x[0] + state @ wz)  # Keras' gate is the share of the old state
    reset = sigmoid(from_x[1] + state @ wr)
    candidate = np.tanh(from_x[2] + (reset * state) @ w)
    return (1 - new_share) * state + new_share * candidate


def papers_decoder(cell, annotations, targets):
    """A.2.2 and A.1.2 for one sentence: outputs t_i and alignments."""
    w_a, u_a, v_a = (to_numpy(w.value) for w in cell.attention.weights)
    gru = [to_numpy(w.value) for w in cell.cells[0].weights]
    w_s, b_s = (to_numpy(w.value) for w in cell.bridge.weights)
    readout, readout_bias = (to_numpy(w.value) for w in cell.readout.weights)
    state = np.tanh(annotations[0, N:] @ w_s + b_s)  # the backward state at the first word
    outputs, alphas = [], []
    for y in targets:
        energies = np.array([np.tanh(state @ w_a + h @ u_a) @ v_a[:, 0] for h in annotations])
        alpha = np.exp(energies) / np.exp(energies).sum()
        context = alpha @ annotations
        t = np.concatenate([state, context, y]) @ readout + readout_bias  # s_{i-1}, not s_i
        outputs.append([max(t[2 * j], t[2 * j + 1]) for j in range(L)])
        alphas.append(alpha)
        state = papers_gru(gru, np.concatenate([y, context]), state)
    return np.array(outputs), np.array(alphas)


def papers_encoder(encoder, words):
    """A.2.1 for one sentence: h_j = [forward; backward]."""
    halves = []
    for cell, step in zip(encoder.cells[0], (1, -1), strict=True):
        weights = [to_numpy(w.value) for w in cell.weights]
        state, states = np.zeros(N), []
        for x in words[::step]:
            state = papers_gru(weights, x, state)
            states.append(state)
        halves.append(np.array(states[::step]))
    return np.concatenate(halves, axis=1)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    encoder = RecurrentEncoder(N, reset_after=False)
    cell = RNNSearchDecoder(
        layers.GRUCell(N, reset_after=False),
        AdditiveAttention(NA),
        readout=Maxout(L),
        bridge=layers.Dense(N, "tanh"),
    )
    annotations, summary = encoder(SOURCE, padding_mask=MASK)
    cell(TARGET, annotations, summary=summary, value_mask=MASK)
    rng = np.random.default_rng(1)
    for layer in (encoder, cell):  # biases too
        layer.set_weights([rng.normal(scale=0.4, size=w.shape) for w in layer.get_weights()])
    return encoder, cell


def test_equal_to_the_papers_equations(model):
    encoder, cell = model
    annotations, summary = encoder(SOURCE, padding_mask=MASK)
    output, alignment = to_numpy(
        cell(TARGET, annotations, summary=summary, value_mask=MASK, return_attention_scores=True)
    )
    for row, length in enumerate(LENGTHS):
        expected = papers_encoder(encoder, SOURCE[row, :length])
        np.testing.assert_allclose(to_numpy(annotations)[row, :length], expected, atol=1e-5)
        outputs, alphas = papers_decoder(cell, expected, TARGET[row])
        np.testing.assert_allclose(output[row], outputs, atol=1e-5)
        np.testing.assert_allclose(alignment[row, :, :length], alphas, atol=1e-5)
        assert not alignment[row, :, length:].any()


def test_attention_begins_uniform_with_v_zero(model):
    encoder, cell = model
    annotations, summary = encoder(SOURCE, padding_mask=MASK)
    vector = cell.attention.score_vector
    before = to_numpy(vector.value)
    vector.assign(np.zeros(vector.shape))
    _, alignment = to_numpy(
        cell(TARGET, annotations, summary=summary, value_mask=MASK, return_attention_scores=True)
    )
    vector.assign(before)
    for row, length in enumerate(LENGTHS):
        np.testing.assert_allclose(alignment[row, :, :length], 1 / length, atol=1e-6)


def test_maxout_pairs_neighbours():
    layer = Maxout(2)
    x = np.array([[3.0, 1.0, -2.0, 5.0]], "float32")
    layer(x)
    layer.set_weights([np.eye(4, dtype="float32"), np.zeros(4, "float32")])
    np.testing.assert_array_equal(to_numpy(layer(x)), [[3.0, 5.0]])
    with pytest.raises(ValueError, match="`units` must be a positive integer"):
        Maxout(0)
