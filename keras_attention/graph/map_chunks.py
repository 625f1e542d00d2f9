"""A function of rows, computed for some of them at a time."""

import keras
from keras import ops

from keras_attention.graph.loops import repeat
from keras_attention.graph.recurrence import recur


def map_chunks(function, rows, other, variables, block_size, training=False):
    """`function(rows, other)` without ever computing it for more than `block_size` rows at once.

    What `function` makes on its way is not kept for the gradient but computed again, by
    `keras.remat` or, with `training`, by the gradient of `recur`, which is the faster one and has
    operations that artifacts do not have.

    Args:
        function: of a block (B, t, U) and of `other`; returns (B, t, S).
        rows: (B, T, U).
        other: (B, S, ...).
        variables: list of the Keras variables that `function` may read.
        block_size: t at most.
        training: whether the result will be differentiated.

    Returns:
        (B, T, S).
    """
    if rows.shape[1] is not None and rows.shape[1] <= block_size:
        return function(rows, other)
    batch_size, length, width = ops.shape(rows)
    count = (length + block_size - 1) // block_size
    missing = ops.zeros((batch_size, count * block_size - length, width), dtype=rows.dtype)
    rows = ops.concatenate([rows, missing], axis=1)
    blocks = ops.reshape(rows, (batch_size, count, block_size, width))
    blocks = ops.transpose(blocks, (1, 0, 2, 3))  # (count, B, t, U)
    compute = _for_training if training else _for_artifacts
    found = compute(function, blocks, other, variables)  # (count, B, t, S)
    shape = (batch_size, count * block_size, ops.shape(other)[1])
    return ops.reshape(ops.transpose(found, (1, 0, 2, 3)), shape)[:, :length]


def _for_training(function, blocks, other, variables):
    def step(state, block, other):
        return state, function(block, other)

    return recur(step, {}, blocks, None, other, variables, training=True)[1]


def _for_artifacts(function, blocks, other, variables):
    # What is computed again must be given all that it takes gradients of, so the variables go in
    # as tensors and stand for themselves while it runs. Copies, or TensorFlow would see the
    # variables besides.
    tensors = [ops.copy(variable) for variable in variables]

    @keras.remat
    def recomputed(block, other, *tensors):
        with keras.StatelessScope(state_mapping=list(zip(variables, tensors, strict=True))):
            return function(block, other)

    def body(index, results):
        found = recomputed(ops.take(blocks, index, axis=0), other, *tensors)  # (B, t, S)
        return ops.where(indices == index, ops.expand_dims(found, 0), results)

    count, batch_size, block_size, _ = ops.shape(blocks)
    indices = ops.reshape(ops.arange(count, dtype="int32"), (-1, 1, 1, 1))
    shape = (count, batch_size, block_size, ops.shape(other)[1])
    return repeat(body, ops.zeros(shape, dtype=blocks.dtype), count)
