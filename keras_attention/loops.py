"""The loops that decoding, recurrence and blocked attention run in the graph."""

import keras
from keras import ops, tree


def loop(condition, body, state, maximum_iterations):
    """Runs `state = body(state)` while `condition(state)`, at most `maximum_iterations` times.

    Args:
        condition: function of the state that returns a scalar boolean tensor.
        body: function of the state that returns a state of the same structure, shapes and dtypes.
        state: nested structure (dicts, lists, tuples) of tensors.
        maximum_iterations: integer or scalar int32 tensor.

    Returns:
        The last state.

    The structure is flattened around the loop, so the converters to TFLite and ONNX see a plain
    list of loop variables in one fixed order.

    >>> loop(lambda s: s["i"] < 9, lambda s: {"i": s["i"] + 2}, {"i": ops.convert_to_tensor(0)}, 3)
    """

    def unpack(flat):
        return tree.pack_sequence_as(state, list(flat))

    flat = ops.while_loop(
        lambda *flat: condition(unpack(flat)),
        lambda *flat: tuple(tree.flatten(body(unpack(flat)))),
        tuple(tree.flatten(state)),
        maximum_iterations=ops.cast(maximum_iterations, "int32"),
    )
    return unpack(flat)


def repeat(body, state, count):
    """Runs `state = body(index, state)` for `index` = 0 ... `count` - 1, with a gradient.

    Args:
        body: function of a scalar int32 tensor and the state.
        state: nested structure of tensors.
        count: integer or scalar int32 tensor; on JAX an integer.

    On TensorFlow the maximum of `while_loop` makes the gradient work under XLA; on JAX only a loop
    of known length has a gradient.
    """
    if keras.backend.backend() == "jax":
        return ops.fori_loop(0, count, body, state)

    start = ops.convert_to_tensor(0, dtype="int32")
    _, state = loop(
        lambda pair: pair[0] < count,
        lambda pair: (pair[0] + 1, body(*pair)),
        (start, state),
        maximum_iterations=count,
    )
    return state


def in_blocks(function, rows, others, block_size):
    """`function(rows, *others)` without ever computing it for more than `block_size` rows at once.

    What `function` makes on its way is not kept for the gradient but computed again.

    Args:
        function: of a block (B, t, U) and of the others; returns (B, t, S). Every tensor that needs
            a gradient must be among its arguments.
        rows: (B, T, U).
        others: list of tensors, the first of them (B, S, ...).
        block_size: t at most.

    Returns:
        (B, T, S).
    """
    if rows.shape[1] is not None and rows.shape[1] <= block_size:
        return function(rows, *others)
    batch_size, length, width = ops.shape(rows)
    source_length = ops.shape(others[0])[1]
    count = (length + block_size - 1) // block_size
    missing = ops.zeros((batch_size, count * block_size - length, width), dtype=rows.dtype)
    blocks = ops.reshape(
        ops.concatenate([rows, missing], axis=1), (batch_size, count, block_size, width)
    )
    indices = ops.reshape(ops.arange(count, dtype="int32"), (1, -1, 1, 1))
    recomputed = keras.remat(function)

    def body(index, results):
        block = ops.take(blocks, index, axis=1)  # (B, t, U)
        found = recomputed(block, *others)  # (B, t, S)
        return ops.where(indices == index, ops.expand_dims(found, 1), results)

    shape = (batch_size, count, block_size, source_length)
    results = repeat(body, ops.zeros(shape, dtype=rows.dtype), count)
    return ops.reshape(results, (batch_size, count * block_size, source_length))[:, :length]
