"""A loop over time with a gradient, for training."""

import keras
from keras import tree

from keras_attention.graph.output_specs import output_specs


def scan(step, state, inputs, reverse=False, count=None):
    """Runs `state, output = step(state, input)` over the first axis.

    Unlike `keras.ops.scan`, it takes outputs of any structure. On TensorFlow it writes them to
    tensor arrays, which TFLite and ONNX do not have.

    Args:
        step: function of the state and of one time step of `inputs`.
        state: nested structure of tensors.
        inputs: nested structure of tensors (T, ...); on JAX T > 0.
        reverse: whether to begin with the last time step; outputs keep the order of the inputs.
        count: a scalar int32 tensor, how many time steps are run: the first, or with `reverse` the
            last. The outputs of the others are zeros. None for all.

    Returns:
        The last state, and the outputs as tensors (T, ...).

    """
    if keras.backend.backend() == "jax":
        return _scan_jax(step, state, inputs, reverse, count)

    import tensorflow as tf

    flat_state = [tf.convert_to_tensor(tensor) for tensor in tree.flatten(state)]
    flat_inputs = [tf.convert_to_tensor(tensor) for tensor in tree.flatten(inputs)]
    length = tf.shape(flat_inputs[0])[0]
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
    # Over no time step there is one of zeros, which tells the shapes of results: it is cut away.
    steps, first_state = tf.maximum(length, 1), flat_state
    readers = [
        tf.TensorArray(tensor.dtype, steps, element_shape=tensor.shape[1:]).unstack(tensor)
        for tensor in _at_least_one(flat_inputs, length)
    ]
    writers = [tf.TensorArray(spec.dtype, steps, element_shape=spec.shape) for spec in result_specs]

    def body(done, flat_state, writers):
        index = steps - 1 - done if reverse else done
        flat_state, output = flat_step(flat_state, [reader.read(index) for reader in readers])
        writers = [writer.write(index, x) for writer, x in zip(writers, output, strict=True)]
        return done + 1, flat_state, writers

    shapes = [
        tensor.shape.most_specific_compatible_shape(spec.shape)
        for tensor, spec in zip(flat_state, state_specs, strict=True)
    ]
    # What is never written is zeros, and every shape stays known: XLA compiles any `count`.
    limit = steps if count is None else tf.minimum(count, steps)
    _, flat_state, writers = tf.while_loop(
        lambda done, *_: done < limit,
        body,
        (tf.constant(0), flat_state, writers),
        shape_invariants=(tf.TensorShape(()), shapes, [tf.TensorShape(None)] * len(writers)),
        maximum_iterations=steps,
    )
    outputs = [writer.stack()[:length] for writer in writers]
    pairs = zip(flat_state, first_state, strict=True)
    flat_state = [tf.where(length > 0, last, first) for last, first in pairs]
    return tree.pack_sequence_as(state, flat_state), tree.pack_sequence_as(structure, outputs)


def _scan_jax(step, state, inputs, reverse, count):
    import jax

    if count is None:
        return jax.lax.scan(step, state, inputs, reverse=reverse)
    first = tree.map_structure(lambda tensor: tensor[0], inputs)
    _, specs = jax.eval_shape(step, state, first)

    def skip(state, _):
        return state, tree.map_structure(
            lambda spec: jax.numpy.zeros(spec.shape, spec.dtype), specs
        )

    def bounded(carried, step_inputs):
        done, state = carried
        state, output = jax.lax.cond(done < count, step, skip, state, step_inputs)
        return (done + 1, state), output

    (_, state), outputs = jax.lax.scan(bounded, (0, state), inputs, reverse=reverse)
    return state, outputs


def _at_least_one(tensors, length):
    """`tensors` (T, ...), or one time step of zeros where T is 0. Nothing is copied."""
    import tensorflow as tf

    if tensors[0].shape[0]:
        return tensors

    def zeros():
        shapes = [tf.shape(tensor)[1:] for tensor in tensors]
        shapes = [tf.concat([[1], shape], axis=0) for shape in shapes]
        return [tf.zeros(shape, x.dtype) for shape, x in zip(shapes, tensors, strict=True)]

    found = tf.cond(length > 0, lambda: [tf.identity(tensor) for tensor in tensors], zeros)
    for tensor, original in zip(found, tensors, strict=True):
        tensor.set_shape([None, *original.shape[1:]])
    return found
