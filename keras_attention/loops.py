"""The one loop that decoding (and, for recurrence, every layer) runs in the graph."""

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
    maximum_iterations = ops.cast(maximum_iterations, "int32")

    def unpack(flat):
        return tree.pack_sequence_as(state, list(flat))

    def flat_condition(step, *flat):
        return ops.logical_and(step < maximum_iterations, condition(unpack(flat)))

    def flat_body(step, *flat):
        return (step + 1, *tree.flatten(body(unpack(flat))))

    start = ops.convert_to_tensor(0, dtype="int32")
    _, *flat = ops.while_loop(flat_condition, flat_body, (start, *tree.flatten(state)))
    return unpack(flat)
