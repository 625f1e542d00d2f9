"""The loops that decoding, recurrence and blocked attention run in the graph."""

import keras
from keras import ops, tree

RECURRENCE_BLOCK = 4  # time steps of one iteration of `recur`


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


def recur(step, state, inputs, outputs, block_size=RECURRENCE_BLOCK):
    """Runs `state, output = step(state, input)` over time, with a gradient.

    Args:
        step: function of the state and of one time step of `inputs`; returns the new state and the
            output, both structures of tensors whose shapes do not change.
        state: nested structure of tensors.
        inputs: nested structure of tensors (T, ...).
        outputs: nested structure of tensors, shaped as one step's output; only their shapes count.
        block_size: time steps of one iteration of the loop. Reading and writing cost one pass over
            all time steps an iteration, as no format has a cheap write that also has a gradient.

    Returns:
        The last state, and the outputs of all steps as tensors (T, ...).
    """
    length = ops.shape(tree.flatten(inputs)[0])[0]
    if isinstance(length, int):
        block_size = min(block_size, length)
    count = (length + block_size - 1) // block_size
    missing = count * block_size - length

    def in_blocks(tensor):  # (T, ...) to (count, block_size, ...)
        shape = ops.shape(tensor)[1:]
        zeros = ops.zeros((missing, *shape), dtype=tensor.dtype)
        padded = ops.concatenate([tensor, zeros], axis=0)
        return ops.reshape(padded, (count, block_size, *shape))

    def body(index, carried):
        state, results = carried
        block = [ops.take(tensor, index, axis=0) for tensor in blocks]
        found = []
        for offset in range(block_size):
            step_inputs = tree.pack_sequence_as(inputs, [tensor[offset] for tensor in block])
            new_state, output = step(state, step_inputs)
            found.append(tree.flatten(output))
            exists = index * block_size + offset < length
            pairs = zip(tree.flatten(new_state), tree.flatten(state), strict=True)
            kept = [ops.where(exists, new, old) for new, old in pairs]
            state = tree.pack_sequence_as(state, kept)
        columns = [ops.stack(steps) for steps in zip(*found, strict=True)]
        return state, [
            ops.where(
                ops.reshape(indices == index, (-1,) + (1,) * len(column.shape)),
                ops.expand_dims(column, 0),
                result,
            )
            for result, column in zip(results, columns, strict=True)
        ]

    blocks = [in_blocks(tensor) for tensor in tree.flatten(inputs)]
    indices = ops.arange(count, dtype="int32")
    results = [
        ops.zeros((count, block_size, *ops.shape(output)), dtype=output.dtype)
        for output in tree.flatten(outputs)
    ]
    state, results = repeat(body, (state, results), count)
    results = [
        ops.reshape(result, (count * block_size, *ops.shape(result)[2:]))[:length]
        for result in results
    ]
    return state, tree.pack_sequence_as(outputs, results)


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
