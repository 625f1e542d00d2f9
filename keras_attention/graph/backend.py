"""What `keras.ops` and `keras.random` lack, on TensorFlow and on JAX."""

import keras
from keras import tree

_JAX = keras.backend.backend() == "jax"


def random_words(count, seed):
    """Random bits.

    On TensorFlow the algorithm is named: with the one that `keras.random` leaves to be chosen, XLA
    needs a hundred times as long on a CPU. In a replica of `tf.distribute` they are its own.

    Args:
        count: scalar int32 tensor or integer N.
        seed: `keras.random.SeedGenerator`.

    Returns:
        (N,) int32, each of the 2^32 values as likely as another.
    """
    if _JAX:
        return keras.random.randint((count,), -(2**31), 2**31 - 1, dtype="int32", seed=seed)

    import tensorflow as tf

    words = tf.cast(seed.next(), "int32")  # the same in every replica
    context = tf.distribute.get_replica_context()
    if context is not None and context.num_replicas_in_sync > 1:
        replica = context.replica_id_in_sync_group
        words = tf.random.experimental.stateless_fold_in(words, replica)
    return tf.random.stateless_uniform(
        (count,),
        words,
        minval=None,
        maxval=None,
        dtype=tf.int32,
        alg="philox",
    )


def scan(step, state, inputs, reverse=False):
    """Runs `state, output = step(state, input)` over the first axis, under a custom gradient.

    Unlike in `keras.ops.scan`, outputs may have any structure. On TensorFlow they are written to
    tensor arrays, which the formats of artifacts do not have: it is for training.

    Args:
        step: function of the state and of one time step of `inputs`.
        state: nested structure of tensors.
        inputs: nested structure of tensors (T, ...), T > 0.
        reverse: whether to begin at the end; outputs stand where their inputs stood.

    Returns:
        The last state, and the outputs as tensors (T, ...).
    """
    if _JAX:
        import jax

        return jax.lax.scan(step, state, inputs, reverse=reverse)

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

    # What a step returns is seen before the loop, which has to know it.
    state_specs, output_specs = _specs(
        flat_step,
        [tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in flat_state],
        [tf.TensorSpec(tensor.shape[1:], tensor.dtype) for tensor in flat_inputs],
    )
    readers = [
        tf.TensorArray(tensor.dtype, length, element_shape=tensor.shape[1:]).unstack(tensor)
        for tensor in flat_inputs
    ]
    writers = [
        tf.TensorArray(spec.dtype, length, element_shape=spec.shape) for spec in output_specs
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


def vjp(function, arguments, cotangents):
    """The product of cotangents with the Jacobian of `function`.

    Args:
        function: of a list of floating-point tensors; returns a list of such and anything else.
        arguments: list of tensors.
        cotangents: list of tensors, one for each that `function` returns.

    Returns:
        A gradient for each argument, and what else `function` returned.
    """
    if _JAX:
        import jax

        _, pull, extra = jax.vjp(function, arguments, has_aux=True)
        return pull(cotangents)[0], extra
    return _pull_back_tensorflow(function, arguments, cotangents, "zero")


def depends(function, arguments):
    """Which of `arguments` have a part in what `function`, as for `vjp`, returns.

    On JAX the compiler finds out: all.
    """
    if _JAX:
        return [True] * len(arguments)

    import tensorflow as tf

    found = None

    def traced(arguments):
        nonlocal found
        ones = [tf.ones_like(result) for result in function(arguments)[0]]
        gradients, _ = _pull_back_tensorflow(function, arguments, ones, "none")
        found = [gradient is not None for gradient in gradients]
        return []

    _specs(traced, [tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in arguments])
    return found


def _pull_back_tensorflow(function, arguments, cotangents, unconnected):
    import tensorflow as tf

    # Copies: a loop's body sees tensors from outside under other names.
    arguments = [tf.identity(argument) for argument in arguments]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(arguments)
        results, extra = function(arguments)
    gradients = tape.gradient(
        results, arguments, output_gradients=cotangents, unconnected_gradients=unconnected
    )
    # A gather sends back indexed slices.
    gradients = [x if x is None else tf.convert_to_tensor(x) for x in gradients]
    return gradients, extra


def _specs(function, *specs):
    """The shapes and types of what `function` returns, from tracing it."""
    import tensorflow as tf

    traced = tf.function(function, autograph=False).get_concrete_function(*specs)
    return tree.map_structure(
        lambda tensor: tf.TensorSpec(tensor.shape, tensor.dtype), traced.structured_outputs
    )
