"""Vectors of length 1, whose gradient is finite where a vector is zero."""

import keras
from keras import ops

SMALLEST = 1e-12  # the length below which a vector is not brought to 1


def unit_length(inputs):
    """Vectors (..., D) of the direction of `inputs` and of length 1; zeros stay zeros.

    Computed in float32. `keras.ops.normalize` has no gradient at zero: it is not a number there.

    >>> unit_length([[3.0, 4.0], [0.0, 0.0]])  # [[0.6, 0.8], [0.0, 0.0]]
    """
    inputs = ops.convert_to_tensor(inputs)
    x = ops.cast(inputs, "float32")
    squares = ops.sum(x * x, axis=-1, keepdims=True)
    x = x * ops.rsqrt(ops.maximum(squares, SMALLEST**2))
    return ops.cast(x, keras.backend.standardize_dtype(inputs.dtype))
