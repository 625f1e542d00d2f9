"""A loop over time with a gradient, for training."""

import keras
from keras import tree

from keras_attention.graph.output_specs import output_specs


def scan(step, state, inputs, reverse=False):
    """Runs `state, output = step(state, input)` over the first axis.

    Unlike `keras.ops.scan`, it takes outputs of any structure. On TensorFlow it writes them to
    tensor arrays, which TFLite and ONNX do not have.

    Args:
        step: function of the state and of one time step of `inputs`.
        state: nested structure of tensors.
        inputs: nested structure of tensors (T, ...), T > 0.
        reverse: whether to begin with the last time step; outputs keep the order of the inputs.

    Returns:
        The last state, and the outputs as tensors (T, ...).

    Raises:
        tf.errors.InvalidArgumentError: if T is 0, on TensorFlow.
    """
    if keras.backend.backend() == "jax":
        import jax

        return jax.lax.scan(step, state, inputs, reverse=reverse)

    import tensorflow as tf

    flat_state = [tf.convert_to_tensor(tensor) for tensor in tree.flatten(state)]
    flat_inputs = [tf.convert_to_tensor(tensor) for tensor in tree.flatten(inputs)]
    length = tf.shape(flat_inputs[0])[0]
    message = "A sequence must have at least one time step to train on."
    with tf.control_dependencies([tf.debugging.assert_positive(length, message)]):
        length = tf.identity(length)
    structure = None

    def flat_step(flat_state, flat_input):
        nonlocal structure
        new_state, output = step(
            tree.pack_sequence_as(state, list(flat_state)),
            tree.pack_sequence_as(inputs, list(flat_input)),
        )
        structure = output
        return tree.flatten(new_state), tree.flatten(output)

    # The loop has to know the types of a step's results before it begins.
    state_specs, result_specs = output_specs(
        flat_step,
        [tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in flat_state],
        [tf.TensorSpec(tensor.shape[1:], tensor.dtype) for tensor in flat_inputs],
    )
    readers = [
        tf.TensorArray(tensor.dtype, length, element_shape=tensor.shape[1:]).unstack(tensor)
        for tensor in flat_inputs
    ]
    writers = [
        tf.TensorArray(spec.dtype, length, element_shape=spec.shape) for spec in result_specs
    ]

    def body(count, flat_state, writers):
        index = length - 1 - count if reverse else count
        flat_state, output = flat_step(flat_state, [reader.read(index) for reader in readers])
        writers = [writer.write(index, x) for writer, x in zip(writers, output, strict=True)]
        return count + 1, flat_state, writers

    shapes = [
        tensor.shape.most_specific_compatible_shape(spec.shape)
        for tensor, spec in zip(flat_state, state_specs, strict=True)
    ]
    _, flat_state, writers = tf.while_loop(
        lambda count, *_: count < length,
        body,
        (tf.constant(0), flat_state, writers),
        shape_invariants=(tf.TensorShape(()), shapes, [tf.TensorShape(None)] * len(writers)),
        maximum_iterations=length,
    )
    outputs = [writer.stack() for writer in writers]
    return tree.pack_sequence_as(state, flat_state), tree.pack_sequence_as(structure, outputs)
