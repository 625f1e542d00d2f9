"""Tensors of ids that must have one shape, in every format."""


def require_same_shape(tensor, other):
    """`tensor` (N, T), unchanged; an error when the graph runs and `other` has another shape.

    Converters of TFLite and ONNX drop an assertion (see `assert_sizes`), and both runtimes would
    broadcast one row, or one column, over all others. The operators here are kept: a concatenation
    compares the T of both, and a reshape compares the N.

    Args:
        tensor, other: int32 tensors of TensorFlow.
    """
    import tensorflow as tf

    shape = tf.shape(other)
    both = tf.concat([other, tensor], axis=0)
    return tf.reshape(both[shape[0] :], shape)
