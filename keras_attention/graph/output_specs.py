"""The shapes and types of what a function returns."""

from keras import tree


def output_specs(function, *specs):
    """The `tf.TensorSpec`s of what `function` returns, from tracing it; TensorFlow only.

    Args:
        function: of structures of tensors; returns a structure of tensors.
        *specs: structures of `tf.TensorSpec`, one for each argument.
    """
    import tensorflow as tf

    traced = tf.function(function, autograph=False).get_concrete_function(*specs)
    return tree.map_structure(
        lambda tensor: tf.TensorSpec(tensor.shape, tensor.dtype), traced.structured_outputs
    )
