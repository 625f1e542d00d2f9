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
    bias = cell.bias if recurrent_bias(cell) is None else cell.bias[0]
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


def step(projected, states, kernel, bias=None, reset_after=True):
    """One step of a GRU, which has one state, or of an LSTM, which has two: the new states."""
    if len(states) == 2:
        return list(lstm_step(projected, *states, kernel))
    return [gru_step(projected, states[0], kernel, bias, reset_after)]


def recurrent_bias(cell):
    """The bias (3 U) inside a GRU's recurrent product, or None."""
    inside = isinstance(cell, keras.layers.GRUCell) and cell.reset_after and cell.use_bias
    return cell.bias[1] if inside else None


def step_split(cell, projected, states, dtype):
    """One step of a split cell from the sum of its inputs' shares: the new states."""
    bias = recurrent_bias(cell)
    bias = None if bias is None else ops.cast(bias, dtype)
    kernel = ops.cast(cell.recurrent_kernel, dtype)
    return step(projected, states, kernel, bias, getattr(cell, "reset_after", True))


def draw_dropout_masks(cell, batch_size, width, dtype):
    """Makes the masks of a stock cell's own dropout before a loop: within, each step would differ.

    Args:
        cell: any cell.
        batch_size: B.
        width: of the cell's input.
        dtype: compute dtype.
    """
    if hasattr(cell, "get_dropout_mask"):
        cell.get_dropout_mask(ops.ones((batch_size, width), dtype))
        cell.get_recurrent_dropout_mask(ops.ones((batch_size, state_sizes(cell)[0]), dtype))


def forget_dropout_masks(cell):
    """Drops them: the next sequence has masks of its own."""
    if hasattr(cell, "reset_dropout_mask"):
        cell.reset_dropout_mask()
        cell.reset_recurrent_dropout_mask()
