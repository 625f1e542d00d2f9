"""Pure functions that run Keras' RNN cells: the inputs' share for all time steps at once.

A GRU or LSTM multiplies its input by one matrix and its state by another. The first product needs
no recurrence, so it is made for a whole sequence at once, and only the second one stays in the
loop. Other cells, and cells with dropout of their own, run as they are.
"""

import contextlib
import itertools

import keras
from keras import ops, tree

from keras_attention.graph.matmul import matmul
from keras_attention.keras_private import (
    set_dropout_mask,
    set_recurrent_dropout_mask,
    takes_training,
)


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


def project(cell, inputs, first, dtype, matmul=matmul):
    """The share of `inputs` (..., E) in the gates of a split cell, whose rows begin at `first`.

    Args:
        cell: a cell for which `is_split` holds.
        inputs: (..., E), a part of the cell's input.
        first: where this part begins in the cell's input; the bias is added at 0.
        dtype: compute dtype.
        matmul: the product to multiply by the kernel with.

    Returns:
        (..., 3 U) for a GRU, (..., 4 U) for an LSTM.
    """
    rows = (first, first + inputs.shape[-1])
    projected = matmul(inputs, cell.kernel, dtype, rows)
    if first or not cell.use_bias:
        return projected
    bias = cell.bias if recurrent_bias(cell) is None else cell.bias[0]
    return projected + ops.cast(bias, dtype)


def gru_step(projected, state, kernel, bias=None, reset_after=True, matmul=matmul):
    """One step of a GRU (Cho et al. 2014), as Keras computes it.

    Args:
        projected: the input's share (..., B, 3 U) of the update gate, reset gate and candidate.
        state: h_{t-1} (..., B, U).
        kernel: recurrent kernel, Keras variable or tensor, (U, 3 U) or (G, U, 3 U) for a state
            (G, B, U).
        bias: recurrent bias (..., 3 U), only with `reset_after`, or None.
        reset_after: whether the reset gate acts after the multiplication (cuDNN) or, as in the
            papers, before.
        matmul: the product to multiply by the kernel with.

    Returns:
        h_t (..., B, U).
    """
    units, dtype = state.shape[-1], projected.dtype
    update, reset, candidate = ops.split(projected, 3, axis=-1)
    if reset_after:
        inner = matmul(state, kernel, dtype)
        inner = inner if bias is None else inner + bias
        inner_update, inner_reset, inner = ops.split(inner, 3, axis=-1)
        reset = ops.sigmoid(reset + inner_reset)
        candidate = ops.tanh(candidate + reset * inner)
    else:
        inner = matmul(state, kernel, dtype, columns=(0, 2 * units))
        inner_update, inner_reset = ops.split(inner, 2, axis=-1)
        reset = ops.sigmoid(reset + inner_reset)
        inner = matmul(reset * state, kernel, dtype, columns=(2 * units, None))
        candidate = ops.tanh(candidate + inner)
    update = ops.sigmoid(update + inner_update)
    return candidate + update * (state - candidate)


def lstm_step(projected, state, memory, kernel, matmul=matmul):
    """One step of an LSTM (Hochreiter & Schmidhuber 1997), as Keras computes it.

    Args:
        projected: the input's share (..., B, 4 U) of input, forget, candidate and output gate.
        state: h_{t-1} (..., B, U).
        memory: c_{t-1} (..., B, U).
        kernel: recurrent kernel, Keras variable or tensor, (U, 4 U) or (G, U, 4 U) for a state
            (G, B, U).
        matmul: the product to multiply by the kernel with.

    Returns:
        h_t and c_t, both (..., B, U).
    """
    gates = projected + matmul(state, kernel, projected.dtype)
    new, kept, candidate, shown = ops.split(gates, 4, axis=-1)
    memory = ops.sigmoid(kept) * memory + ops.sigmoid(new) * ops.tanh(candidate)
    return ops.sigmoid(shown) * ops.tanh(memory), memory


def step(projected, states, kernel, bias=None, reset_after=True, matmul=matmul):
    """One step of a GRU, which has one state, or of an LSTM, which has two: the new states."""
    if len(states) == 2:
        return list(lstm_step(projected, *states, kernel, matmul))
    return [gru_step(projected, states[0], kernel, bias, reset_after, matmul)]


def recurrent_bias(cell):
    """The bias (3 U) inside a GRU's recurrent product, or None."""
    inside = isinstance(cell, keras.layers.GRUCell) and cell.reset_after and cell.use_bias
    return cell.bias[1] if inside else None


def step_split(cell, projected, states, dtype, matmul=matmul):
    """One step of a split cell from the sum of its inputs' shares: the new states."""
    bias = recurrent_bias(cell)
    bias = None if bias is None else ops.cast(bias, dtype)
    reset_after = getattr(cell, "reset_after", True)
    return step(projected, states, cell.recurrent_kernel, bias, reset_after, matmul)


def run(cell, parts, states, dtype, projected=None, first=0, training=None, matmul=matmul):
    """One step of any cell on inputs that lie side by side.

    Args:
        cell: a built Keras RNN cell.
        parts: list of tensors (B, ...), the parts of its input in order.
        states: list of its states.
        dtype: compute dtype.
        projected: for a split cell, the share of the input's first `first` columns, which are not
            in `parts` then: see `project`.
        first: how many columns that are.
        training: whether the cell's own dropout is applied.
        matmul: the product to multiply by kernels with.

    Returns:
        The output (B, U) and the list of new states.
    """
    if not is_split(cell):
        x = ops.concatenate(parts, axis=-1) if len(parts) > 1 else parts[0]
        extra = {"training": training} if takes_training(cell) else {}
        output, new = cell(x, states, **extra)
        return output, list(new) if isinstance(new, (list, tuple)) else [new]
    for part in parts:
        share = project(cell, part, first, dtype, matmul)
        projected = share if projected is None else projected + share
        first += part.shape[-1]
    new = step_split(cell, projected, states, dtype, matmul)
    return new[0], new


def zero_states(cells, batch_size, dtype):
    """The states of several cells, zeros: a list of the states (B, U) for each cell."""
    sizes = [state_sizes(cell) for cell in cells]
    return tree.map_structure(lambda size: ops.zeros((batch_size, size), dtype), sizes)


def split_states(cells, flat):
    """The states of several cells that lie side by side in `flat` (B, the sizes of all states)."""
    sizes = [state_sizes(cell) for cell in cells]
    ends = list(itertools.accumulate(tree.flatten(sizes)))[:-1]
    return tree.pack_sequence_as(sizes, ops.split(flat, ends, axis=-1) if ends else [flat])


def draw_dropout_masks(cell, batch_size, width, dtype):
    """The masks of a stock cell's own dropout, the same for a whole sequence; none for others.

    Args:
        cell: any cell.
        batch_size: B.
        width: of the cell's input.
        dtype: compute dtype.

    Returns:
        List of the tensors that `dropout_masks` takes.
    """
    if not hasattr(cell, "get_dropout_mask"):
        return []
    masks = [
        cell.get_dropout_mask(ops.ones((batch_size, width), dtype)),
        cell.get_recurrent_dropout_mask(ops.ones((batch_size, state_sizes(cell)[0]), dtype)),
    ]
    _forget_dropout_masks(cell)
    return [mask for mask in masks if mask is not None]


@contextlib.contextmanager
def dropout_masks(cells, masks):
    """A context in which cells drop by `masks`, for each cell a list from `draw_dropout_masks`.

    A cell of Keras draws a mask when it has none and keeps it. In a loop it would draw one at each
    step.
    """
    for cell, own in zip(cells, masks, strict=True):
        own = iter(own)
        if getattr(cell, "dropout", 0):
            set_dropout_mask(cell, next(own, None))
        if getattr(cell, "recurrent_dropout", 0):
            set_recurrent_dropout_mask(cell, next(own, None))
    yield
    for cell in cells:
        _forget_dropout_masks(cell)


def _forget_dropout_masks(cell):
    if hasattr(cell, "reset_dropout_mask"):
        cell.reset_dropout_mask()
        cell.reset_recurrent_dropout_mask()
