"""Products of a tensor and a matrix."""

from keras import ops


def linear(inputs, kernel, dtype):
    """`inputs` (..., D) times `kernel` (D, U), in `dtype`: (..., U).

    As one product of two matrices: with more dimensions `ops.matmul` goes through a general
    contraction, whose gradient XLA cannot compile in a loop over tensors of dynamic shape.
    """
    inputs, kernel = ops.cast(inputs, dtype), ops.cast(kernel, dtype)
    if len(inputs.shape) == 2:
        return ops.matmul(inputs, kernel)
    shape = ops.shape(inputs)[:-1]
    flat = ops.matmul(ops.reshape(inputs, (-1, inputs.shape[-1])), kernel)
    return ops.reshape(flat, (*shape, kernel.shape[-1]))
