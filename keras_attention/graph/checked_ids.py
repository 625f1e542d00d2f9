"""Ids that a table has no row for, in every runtime."""

import keras
from keras import ops

# The types of which not every number fits in int32: there, id 2**32 + 3 would become id 3.
WIDER_THAN_INT32 = ("uint32", "int64", "uint64", "float16", "bfloat16", "float32", "float64")


def narrowed(ids):
    """Integers as int32, with -1 in place of those that it cannot hold; others as they are.

    A functional model casts its inputs to the type of its `keras.Input`, and a cast wraps around.
    """
    dtype = keras.backend.standardize_dtype(ids.dtype)
    if dtype not in WIDER_THAN_INT32 or keras.backend.is_float_dtype(dtype):
        return ids
    holds = ids <= 2**31 - 1
    if dtype == "int64":
        holds = ops.logical_and(holds, ids >= -(2**31))
    return ops.where(holds, ops.cast(ids, "int32"), -1)


def checked_ids(ids, size):
    """`ids` as int32, with `size` in place of those below 0: out of range, like those above.

    `keras.ops.take`, and so `keras.layers.Embedding` and every exported format, counts ids below 0
    from the table's end: -1 would silently be the last word. Of ids that are not below the size
    TensorFlow on a CPU, TFLite and ONNX Runtime each make an error; TensorFlow on a GPU takes
    zeros, XLA the last row, JAX NaN.

    Args:
        ids: integers of any shape, or floats, as `keras.Input` has by default: 2.0 is id 2. What
            int32 cannot hold is out of range too.
        size: integer, rows of the table.

    >>> checked_ids([3, -1], 9)  # [3, 9]
    """
    ids = ops.convert_to_tensor(ids)
    dtype = keras.backend.standardize_dtype(ids.dtype)
    if dtype not in WIDER_THAN_INT32:
        ids = ops.cast(ids, "int32")
        return ops.where(ids < 0, size, ids)
    if keras.backend.is_float_dtype(dtype):  # bfloat16 has no number for every size
        ids = ops.cast(ids, "float32")
    return ops.where(ops.logical_and(ids >= 0, ids < size), ops.cast(ids, "int32"), size)
