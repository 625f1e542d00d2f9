"""Ids that a table has no row for, in every runtime."""

from keras import ops


def checked_ids(ids, size):
    """`ids` as int32, with `size` in place of those below 0: out of range, like those above.

    `keras.ops.take`, and so `keras.layers.Embedding` and every exported format, counts ids below 0
    from the table's end: -1 would silently be the last word. Of ids that are not below the size
    TensorFlow on a CPU, TFLite and ONNX Runtime each make an error; TensorFlow on a GPU takes
    zeros, XLA the last row, JAX NaN.

    Args:
        ids: integers of any shape.
        size: integer, rows of the table.

    >>> checked_ids([3, -1], 9)  # [3, 9]
    """
    ids = ops.cast(ids, "int32")
    return ops.where(ids < 0, size, ids)
