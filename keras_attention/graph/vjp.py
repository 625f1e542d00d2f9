"""Gradients of functions of tensors: reverse-mode differentiation with given cotangents."""

import keras

from keras_attention.graph.output_specs import output_specs

_JAX = keras.backend.backend() == "jax"


def vjp(function, arguments, cotangents):
    """The vector-Jacobian product: the gradients of `function` for given cotangents.

    Args:
        function: of a list of floating-point tensors; returns a list of such and anything else.
        arguments: list of tensors.
        cotangents: list of tensors, one for each that `function` returns.

    Returns:
        A gradient for each argument, and the other result of `function`.
    """
    if _JAX:
        import jax

        _, pull, extra = jax.vjp(function, arguments, has_aux=True)
        return pull(cotangents)[0], extra
    return _vjp_tensorflow(function, arguments, cotangents, "zero")


def depends(function, arguments):
    """Which of `arguments` the results of `function`, as `vjp` takes it, depend on.

    On JAX the answer is all of them: the compiler removes gradients that are not needed.
    """
    if _JAX:
        return [True] * len(arguments)

    import tensorflow as tf

    found = None

    def traced(arguments):
        nonlocal found
        ones = [tf.ones_like(result) for result in function(arguments)[0]]
        gradients, _ = _vjp_tensorflow(function, arguments, ones, "none")
        found = [gradient is not None for gradient in gradients]
        return []

    output_specs(traced, [tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in arguments])
    return found


def _vjp_tensorflow(function, arguments, cotangents, unconnected):
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
