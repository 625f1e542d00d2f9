"""The index of the largest number of each row."""

import keras
from keras import ops


def argmax(values):
    """The index of the largest of each row of `values` (R, V), the first of equal ones: (R,) int32.

    It is one operator in every runtime. `keras.ops.argmax` on TensorFlow looks at the bits of
    zeros, for which TFLite has no operator.

    >>> argmax(np.array([[1.0, 3.0, 2.0]], "float32"))
    [1]
    """
    if keras.backend.backend() != "tensorflow":
        return ops.cast(ops.argmax(values, axis=-1), "int32")
    import tensorflow as tf

    return tf.argmax(values, axis=-1, output_type=tf.int32)
