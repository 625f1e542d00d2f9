"""A function of rows, computed for a chunk of them at a time."""

import math

import keras
from keras import ops

from keras_attention.graph.loops import fori_loop
from keras_attention.graph.recurrence import recurrence

MOST_WRITTEN = 64  # chunks whose results one loop writes


def map_chunks(function, rows, other, variables, chunk_size, training=False):
    """`function(rows, other)`, never computed for more than `chunk_size` rows at once.

    The gradient does not keep what `function` computes on its way but computes it again:
    `keras.remat` does, or with `training` the gradient of `recurrence`, which is faster and has
    operations that TFLite and ONNX do not have.

    Args:
        function: of a chunk (B, t, U) and of `other`; returns (B, t, S).
        rows: (B, T, U).
        other: (B, S, ...).
        variables: list of the Keras variables that `function` may read.
        chunk_size: t at most.
        training: whether the result will be differentiated.

    Returns:
        (B, T, S).
    """
    if rows.shape[1] is not None and rows.shape[1] <= chunk_size:
        return function(rows, other)
    batch_size, length, width = ops.shape(rows)
    count = (length + chunk_size - 1) // chunk_size
    if not isinstance(count, int):
        count = ops.maximum(count, 1)  # a loop of no steps has no results
    missing = ops.zeros((batch_size, count * chunk_size - length, width), dtype=rows.dtype)
    rows = ops.concatenate([rows, missing], axis=1)
    chunks = ops.reshape(rows, (batch_size, count, chunk_size, width))
    chunks = ops.transpose(chunks, (1, 0, 2, 3))  # (count, B, t, U)
    compute = _for_training if training else _for_artifacts
    found = compute(function, chunks, other, variables)  # (count, B, t, S)
    shape = (batch_size, count * chunk_size, ops.shape(other)[1])
    return ops.reshape(ops.transpose(found, (1, 0, 2, 3)), shape)[:, :length]


def _for_training(function, chunks, other, variables):
    def step(state, chunk, other, matmul):
        return state, function(chunk, other)

    return recurrence(step, {}, chunks, None, other, variables, training=True)[1]


def _for_artifacts(function, chunks, other, variables):
    # `keras.remat` finds gradients of arguments only, so the variables go in as tensors and are
    # replaced by them while the function runs. They are copies, or TensorFlow would see the
    # variables too.
    tensors = [ops.copy(variable) for variable in variables]

    @keras.remat
    def recomputed(chunk, other, *tensors):
        with keras.StatelessScope(state_mapping=list(zip(variables, tensors, strict=True))):
            return function(chunk, other)

    def compute(chunk):  # (B, t, U) to (B, t, S)
        return recomputed(chunk, other, *tensors)

    count = ops.shape(chunks)[0]
    if not isinstance(count, int) or count <= MOST_WRITTEN:
        return _each(compute, chunks, other)
    # A write costs a pass over all that is written: of some chunks first, then of all.
    size = math.isqrt(count - 1) + 1
    groups = -(-count // size)
    missing = ops.zeros((groups * size - count, *ops.shape(chunks)[1:]), dtype=chunks.dtype)
    grouped = ops.reshape(
        ops.concatenate([chunks, missing], axis=0), (groups, size, *ops.shape(chunks)[1:])
    )
    found = _each(lambda group: _each(compute, group, other), grouped, other)
    return ops.reshape(found, (groups * size, *ops.shape(found)[2:]))[:count]


def _each(compute, parts, other):
    """`compute` of each of `parts` (N, ..., U) in a loop: (N, ..., S)."""

    def body(index, results):
        found = compute(ops.take(parts, index, axis=0))
        return ops.where(indices == index, ops.expand_dims(found, 0), results)

    count, *inner, _ = ops.shape(parts)
    indices = ops.reshape(ops.arange(count, dtype="int32"), (-1,) + (1,) * (len(inner) + 1))
    shape = (count, *inner, ops.shape(other)[1])
    return fori_loop(count, body, ops.zeros(shape, dtype=parts.dtype))
