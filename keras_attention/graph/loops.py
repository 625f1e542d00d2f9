"""Loops over a nested structure of tensors."""

import keras
from keras import ops, tree


def while_loop(condition, body, state, maximum_iterations):
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

    >>> zero = {"i": ops.convert_to_tensor(0)}
    >>> while_loop(lambda s: s["i"] < 9, lambda s: {"i": s["i"] + 2}, zero, 3)  # {"i": 6}
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


def fori_loop(count, body, state):
    """Runs `state = body(index, state)` for `index` = 0 ... `count` - 1, with a gradient.

    Args:
        count: integer or scalar int32 tensor; on JAX an integer.
        body: function of a scalar int32 tensor and the state.
        state: nested structure of tensors.

    Returns:
        The last state.

    On TensorFlow the maximum number of iterations makes the gradient work under XLA, which it does
    not in `ops.fori_loop`. On JAX only a loop of known length has a gradient.
    """
    if keras.backend.backend() == "jax":
        return ops.fori_loop(0, count, body, state)

    start = ops.convert_to_tensor(0, dtype="int32")
    _, state = while_loop(
        lambda pair: pair[0] < count,
        lambda pair: (pair[0] + 1, body(*pair)),
        (start, state),
        maximum_iterations=count,
    )
    return state
