"""The products of attention, in the form that runtimes and converters are fast at."""

import math

from keras import ops


def scaled_dot_product(query, key):
    """Q K^T / sqrt(d_k) (Vaswani et al. 2017, equation 1).

    Args:
        query: (B, H, T, K).
        key: (B, H, S, K).

    Returns:
        (B, H, T, S).
    """
    # The scale goes to the query: after the product TensorFlow fuses scale and mask into one CPU
    # kernel that takes ten times as long as the three separate ones.
    query = query * (1.0 / math.sqrt(query.shape[-1]))
    if query.shape[2] == 1:
        # One query: the many small products with vectors take longer than this.
        return ops.expand_dims(ops.sum(query * key, axis=-1), 2)
    return ops.matmul(query, ops.transpose(key, (0, 1, 3, 2)))


def split_to_axis(tensor, count):
    """(B, S, `count` * K) -> (B, `count`, S, K), without a transposition.

    A converter would join a transposition with that of a product that reads the result. Where the
    product stands in a loop, both would then be made anew at every step.
    """
    return ops.stack(ops.split(tensor, count, axis=-1), axis=1)
