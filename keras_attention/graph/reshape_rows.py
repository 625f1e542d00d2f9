"""A reshape that keeps the number of rows, where there are no elements too."""

from keras import ops


def reshape_rows(tensor, sizes, count):
    """`tensor` in the shape (N, *sizes), where N is `count()`.

    Where all other sizes are known and none is 0, N follows from them: no size is computed, which
    runtimes would have to do before they can reshape. Elsewhere it does not follow: a tensor of
    shape (3, 0, 8) has as many elements as one of (1, 0, 8), and TensorFlow would take the latter.

    Args:
        tensor: of any shape.
        sizes: all sizes but the first; integers or scalar tensors.
        count: function that returns N, an integer or a scalar tensor. Called only if it is needed.

    >>> reshape_rows(ops.zeros((0, 8)), (0, 4), lambda: 3).shape
    (3, 0, 4)
    """
    follows = all(isinstance(size, int) and size > 0 for size in sizes)
    return ops.reshape(tensor, (-1 if follows else count(), *sizes))
