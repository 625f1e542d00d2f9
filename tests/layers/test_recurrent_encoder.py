import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers, ops

from keras_attention.layers import RecurrentEncoder
from keras_attention.layers.gate_orthogonal import GateOrthogonal
from tests.backend import gradients, to_numpy

B, S, E, U = 3, 7, 4, 5
X = np.random.default_rng(0).normal(size=(B, S, E)).astype("float32")
MASK = np.arange(S) < np.array([[7], [1], [4]])


def stock_layer(cell, both, reset_after, encoder_cells):
    """The stock recurrent layer with the weights of one of ours."""
    options = dict(return_sequences=True, return_state=True)
    if cell == "gru":
        layer = layers.GRU(U, reset_after=reset_after, **options)
    else:
        layer = layers.LSTM(U, **options)
    layer = layers.Bidirectional(layer) if both else layer
    width = encoder_cells[0].kernel.shape[0]
    layer.build((None, None, width))
    layer.set_weights([w for c in encoder_cells for w in c.get_weights()])
    return layer


def randomise(layer, seed=5):
    rng = np.random.default_rng(seed)
    layer.set_weights([rng.normal(scale=0.5, size=w.shape) for w in layer.get_weights()])


@pytest.mark.parametrize("reset_after", [True, False])
@pytest.mark.parametrize("both", [True, False])
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_a_layer_equals_the_stock_one(cell, both, reset_after):
    encoder = RecurrentEncoder(U, cell, bidirectional_layers=int(both), reset_after=reset_after)
    encoder(X)
    randomise(encoder)
    annotations, summary = to_numpy(encoder(X, padding_mask=MASK))
    stock = stock_layer(cell, both, reset_after, encoder.cells[0])
    expected, *states = to_numpy(stock(X, mask=ops.convert_to_tensor(MASK)))
    np.testing.assert_allclose(annotations[MASK], expected[MASK], atol=1e-5)
    assert not annotations[~MASK].any()
    per_direction = len(states) // (1 + both)
    np.testing.assert_allclose(summary, np.concatenate(states[::per_direction], axis=-1), atol=1e-5)


@pytest.mark.parametrize("both", [True, False])
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_training_has_the_gradient_of_the_stock_layer(cell, both):
    encoder = RecurrentEncoder(U, cell, bidirectional_layers=int(both))
    encoder(X)
    randomise(encoder)
    stock = stock_layer(cell, both, True, encoder.cells[0])
    mask = ops.convert_to_tensor(MASK)

    def ours():
        annotations, summary = encoder(X, padding_mask=MASK, training=True)
        return ops.sum(ops.square(annotations)) + ops.sum(summary)

    def theirs():
        annotations, *states = stock(X, mask=mask)
        kept = ops.where(ops.expand_dims(mask, 2), annotations, 0.0)
        return ops.sum(ops.square(kept)) + sum(
            ops.sum(state) for state in states[:: len(states) // (1 + both)]
        )

    found = gradients(ours, encoder.trainable_weights)
    for a, b in zip(found, gradients(theirs, stock.trainable_weights), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_a_residual_stack_is_its_layers_one_by_one():
    encoder = RecurrentEncoder(U, "lstm", num_layers=4, bidirectional_layers=1, residual=True)
    encoder(X)
    randomise(encoder)
    x = X
    for index, cells in enumerate(encoder.cells):
        y = to_numpy(stock_layer("lstm", index == 0, True, cells)(x)[0])
        x = x + y if index >= 2 else y  # the widths are E, 2U, U, U, U
    np.testing.assert_allclose(to_numpy(encoder(X)[0]), x, atol=1e-5)


@settings(max_examples=20)
@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=4),
    st.integers(0, 5),
    st.sampled_from(["gru", "lstm"]),
)
def test_padding_changes_nothing(lengths, padding, cell):
    keras.utils.set_random_seed(2)
    encoder = RecurrentEncoder(U, cell, num_layers=2, normalize=True)
    longest = max(lengths)
    mask = np.arange(longest + padding) < np.array(lengths)[:, None]
    x = np.random.default_rng(1).normal(size=(*mask.shape, E)).astype("float32")
    together, summary = to_numpy(encoder(x, padding_mask=mask))
    for row, length in enumerate(lengths):
        alone, alone_summary = to_numpy(encoder(x[row : row + 1, :length]))
        np.testing.assert_allclose(together[row, :length], alone[0], atol=1e-5)
        np.testing.assert_allclose(summary[row], alone_summary[0], atol=1e-5)


def test_forward_and_backward_halves():
    """Changing the last word leaves the forward half of h_1 unchanged, and alters the backward."""
    encoder = RecurrentEncoder(U)
    changed = X.copy()
    changed[:, -1] += 1
    before, after = (to_numpy(encoder(x)[0])[:, 0] for x in (X, changed))
    np.testing.assert_array_equal(before[:, :U], after[:, :U])
    assert (np.abs(before[:, U:] - after[:, U:]).max(axis=1) > 1e-4).all()


def test_the_summary_is_the_last_state_of_each_direction():
    encoder = RecurrentEncoder(U)
    annotations, summary = to_numpy(encoder(X))
    np.testing.assert_array_equal(summary[:, :U], annotations[:, -1, :U])
    np.testing.assert_array_equal(summary[:, U:], annotations[:, 0, U:])


def test_dropout_comes_after_the_normalisation_and_only_in_training():
    encoder = RecurrentEncoder(U, dropout=0.5, normalize=True, seed=3)
    quiet, dropped = (to_numpy(encoder(X, training=t)[0]) for t in (False, True))
    kept = dropped != 0
    assert 0.2 < kept.mean() < 0.8
    np.testing.assert_allclose(dropped[kept], 2 * quiet[kept], atol=1e-5)


def test_every_gate_is_orthogonal():
    kernel = to_numpy(GateOrthogonal(seed=1)((U, 3 * U)))
    for gate in np.split(kernel, 3, axis=1):
        np.testing.assert_allclose(gate @ gate.T, np.eye(U), atol=1e-5)
    assert np.abs(kernel[:, :U] - kernel[:, U : 2 * U]).max() > 0.1
    with pytest.raises(ValueError, match="`shape` must be that of square matrices"):
        GateOrthogonal()((U, 2 * U + 1))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(units=0), "`units` must be a positive integer"),
        (dict(units=4, cell="rnn"), "`cell` must be one of"),
        (dict(units=4, num_layers=2, bidirectional_layers=3), "`bidirectional_layers` must be"),
        (dict(units=4, dropout=1.0), "`dropout` must be"),
    ],
)
def test_what_is_out_of_range_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        RecurrentEncoder(**arguments)
