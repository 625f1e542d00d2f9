"""Pure functions that run Keras' RNN cells: the inputs' share for all time steps at once.

A GRU or LSTM multiplies its input and its state by matrices of their own. The first product needs
no recurrence, so it is made for a whole sequence in one multiplication, and only the second one
stays in the loop. Other cells, and those with dropout of their own, run as they are.
"""

import keras
from keras import ops

from keras_attention.layers.linear import linear


def is_split(cell):
    """Whether the input's share of `cell` can be computed for all time steps at once."""
    if type(cell) not in (keras.layers.GRUCell, keras.layers.LSTMCell):
        return False
    usual = (keras.activations.tanh, keras.activations.sigmoid)
    return (cell.activation, cell.recurrent_activation) == usual and not (
        cell.dropout or cell.recurrent_dropout
    )


def flat_states(states):
    """The states of a cell or a stack of cells as one flat list."""
    return list(keras.tree.flatten(states))


def state_sizes(cell):
    """The widths of a cell's states, in order.

    >>> state_sizes(keras.layers.LSTMCell(8))
    [8, 8]
    """
    return list(keras.tree.flatten(cell.state_size))


def project(cell, inputs, first, dtype):
    """The share of `inputs` (..., E) in the gates of a split cell, whose rows begin at `first`.

    Args:
        cell: a cell for which `is_split` holds.
        inputs: (..., E), a part of the cell's input.
        first: where this part begins in the cell's input; the bias is added at 0.
        dtype: compute dtype.

    Returns:
        (..., 3 U) for a GRU, (..., 4 U) for an LSTM.
    """
    projected = linear(inputs, cell.kernel[first : first + inputs.shape[-1]], dtype)
    if first or not cell.use_bias:
        return projected
    bias = cell.bias
    if isinstance(cell, keras.layers.GRUCell) and cell.reset_after:
        bias = bias[0]
    return projected + ops.cast(bias, dtype)


def gru_step(projected, state, kernel, bias=None, reset_after=True):
    """One step of a GRU (Cho et al. 2014), as Keras computes it.

    Args:
        projected: the input's share (..., B, 3 U) of the update gate, reset gate and candidate.
        state: h_{t-1} (..., B, U).
        kernel: recurrent kernel (..., U, 3 U).
        bias: recurrent bias (..., 3 U), only with `reset_after`, or None.
        reset_after: whether the reset gate acts after the multiplication (cuDNN) or, as in the
            papers, before.

    Returns:
        h_t (..., B, U).
    """
    units = state.shape[-1]
    if reset_after:
        inner = ops.matmul(state, kernel)
        inner = inner if bias is None else inner + bias
        gates = ops.sigmoid(projected[..., : 2 * units] + inner[..., : 2 * units])
        update, reset = gates[..., :units], gates[..., units:]
        candidate = ops.tanh(projected[..., 2 * units :] + reset * inner[..., 2 * units :])
    else:
        inner = ops.matmul(state, kernel[..., : 2 * units])
        gates = ops.sigmoid(projected[..., : 2 * units] + inner)
        update, reset = gates[..., :units], gates[..., units:]
        inner = ops.matmul(reset * state, kernel[..., 2 * units :])
        candidate = ops.tanh(projected[..., 2 * units :] + inner)
    return candidate + update * (state - candidate)


def lstm_step(projected, state, memory, kernel):
    """One step of an LSTM (Hochreiter & Schmidhuber 1997), as Keras computes it.

    Args:
        projected: the input's share (..., B, 4 U) of input, forget, candidate and output gate.
        state: h_{t-1} (..., B, U).
        memory: c_{t-1} (..., B, U).
        kernel: recurrent kernel (..., U, 4 U).

    Returns:
        h_t and c_t, both (..., B, U).
    """
    units = state.shape[-1]
    gates = projected + ops.matmul(state, kernel)
    both = ops.sigmoid(gates[..., : 2 * units])
    candidate = ops.tanh(gates[..., 2 * units : 3 * units])
    memory = both[..., units:] * memory + both[..., :units] * candidate
    return ops.sigmoid(gates[..., 3 * units :]) * ops.tanh(memory), memory


def step_split(cell, projected, states, dtype):
    """One step of a split cell from the sum of its inputs' shares: the new states."""
    kernel = ops.cast(cell.recurrent_kernel, dtype)
    if isinstance(cell, keras.layers.LSTMCell):
        return list(lstm_step(projected, *states, kernel))
    bias = None
    if cell.reset_after and cell.use_bias:
        bias = ops.cast(cell.bias[1], dtype)
    return [gru_step(projected, states[0], kernel, bias, cell.reset_after)]
