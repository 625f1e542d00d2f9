"""Softmax of scores times values, for all queries at once or for some at a time.

B batch, H heads, T queries, S keys, K and Kv widths of a head's keys and values.
"""

import keras
from keras import ops

from keras_attention import masks
from keras_attention.graph.matmul import weighted_sum
from keras_attention.graph.recurrence import recurrence, recurrence_in_chunks


def weighted_values(score, projected, positions, mask, zero_empty, drop):
    """The context of every query, and its weights.

    Args:
        score: function of queries, keys and the positions of both, as `MultiHeadAttention.score`.
        projected: queries (B, H, T, K), keys (B, G, S, K) and values (B, G, S, Kv), where G divides
            H.
        positions: those of queries and of keys.
        mask: boolean, broadcasts to (B, H, T, S), or None.
        zero_empty: whether queries that may attend to nothing get weights of zero.
        drop: function of the weights, the dropout, or None.

    Returns:
        (B, H, T, Kv) and (B, H, T, S).
    """
    query, key, value = projected
    weights = masks.masked_softmax(score(query, key, *positions), mask)
    if zero_empty:
        weights = weights * ops.cast(masks.row_may_attend(mask), weights.dtype)
    return weighted_sum(weights if drop is None else drop(weights), value), weights


def weighted_values_in_chunks(
    score, projected, positions, mask, zero_empty, drop, chunk_size, variables, training=False
):
    """The context of `weighted_values`, whose weights are never there for more than a chunk.

    The gradient computes them again, a chunk at a time too.

    Args:
        chunk_size: how many queries are computed at a time.
        variables: list of the Keras variables that `score` and `drop` may read.
        training: whether the result will be differentiated: see `recurrence`.
        others: those of `weighted_values`; `mask` has four axes.

    Returns:
        (B, H, T, Kv).
    """
    query, key, value = projected
    batch_size, num_heads, length, _ = ops.shape(query)
    if isinstance(length, int) and length <= chunk_size:
        return weighted_values(score, projected, positions, mask, zero_empty, drop)[0]
    chunks = {"query": _split(query, 2, chunk_size), "at": _split(positions[0], -1, chunk_size)}
    constants = {"key": key, "value": value, "at": positions[1]}
    if mask is not None:
        if mask.shape[2] == 1:  # the same for all queries
            constants["mask"] = mask
        else:
            chunks["mask"] = _split(mask, 2, chunk_size)

    def context(query, key, value, chunk, constants):
        chunk_mask = chunk.get("mask", constants.get("mask"))
        at = chunk["at"], constants["at"]
        return weighted_values(score, (query, key, value), at, chunk_mask, zero_empty, drop)[0]

    if training:

        def step(state, chunk, constants, matmul):
            parts = chunk["query"], constants["key"], constants["value"]
            return state, context(*parts, chunk, constants)

        found = recurrence(step, {}, chunks, None, constants, variables, training=True)[1]
    else:
        # As tensors, for which `keras.remat` finds gradients, and copies, or TensorFlow would see
        # the variables too.
        tensors = [ops.copy(variable) for variable in variables]

        def plain_step(state, chunk):
            @keras.remat
            def recomputed(query, key, value, *tensors):
                with keras.StatelessScope(state_mapping=list(zip(variables, tensors, strict=True))):
                    return context(query, key, value, chunk, constants)

            return state, recomputed(chunk["query"], key, value, *tensors)

        shape = (batch_size, num_heads, chunk_size, value.shape[3])
        like = ops.zeros(shape, dtype=query.dtype)
        found = recurrence_in_chunks(plain_step, {}, chunks, like, chunk_size=1)[1]
    found = ops.transpose(found, (1, 2, 0, 3, 4))  # (B, H, chunks, t, Kv)
    found = ops.reshape(found, (batch_size, num_heads, -1, value.shape[3]))
    return found[:, :, :length]


def _split(tensor, axis, chunk_size):
    """Chunks of a tensor along an axis, zeros after its end: that axis becomes t, the first chunks.

    >>> _split(ops.arange(5), -1, 2)  # [[0, 1], [2, 3], [4, 0]]
    """
    rank = len(tensor.shape)
    axis %= rank
    sizes = list(ops.shape(tensor))
    count = (sizes[axis] + chunk_size - 1) // chunk_size
    if not isinstance(count, int):
        count = ops.maximum(count, 1)  # a loop of no steps has no results
    missing = [*sizes[:axis], count * chunk_size - sizes[axis], *sizes[axis + 1 :]]
    padded = ops.concatenate([tensor, ops.zeros(missing, dtype=tensor.dtype)], axis=axis)
    split = ops.reshape(padded, (*sizes[:axis], count, chunk_size, *sizes[axis + 1 :]))
    return ops.moveaxis(split, axis, 0)
