"""The largest of many numbers."""

from keras import ops

GROUP = 100  # about the square root of the usual vocabulary, where the two searches cost the same


def top_k(values, k):
    """The `k` largest of each row of `values`, largest first, the earlier of equal ones first.

    Args:
        values: (R, V) float32; V is static.
        k: integer, at most V.

    Returns:
        The values (R, k) and their indices (R, k) int32.

    The rows are cut into groups: what is among the `k` largest of a row lies in the `k` groups with
    the largest maxima. A maximum takes every runtime a small part of the time that it takes to sort
    as many numbers, so that only these groups are worth sorting.

    >>> top_k(np.array([[1.0, 3.0, 2.0]], "float32"), 2)
    ([[3.0, 2.0]], [[1, 2]])
    """
    size = values.shape[-1]
    width = group_width(size)
    if width is None or k * width >= size:
        best, index = ops.top_k(values, k)
        return best, ops.cast(index, "int32")
    count = size // width
    groups = ops.reshape(values, (-1, width))  # (R * count, width)
    largest = ops.reshape(ops.max(groups, axis=1), (-1, count))
    _, chosen = ops.top_k(largest, k)  # (R, k)
    chosen = ops.sort(ops.cast(chosen, "int32"), axis=1) if k > 1 else ops.cast(chosen, "int32")
    rows = ops.expand_dims(ops.arange(ops.shape(values)[0], dtype="int32"), 1)
    flat = ops.reshape(rows * count + chosen, (-1,))
    candidates = ops.take(groups, flat, axis=0)  # (R * k, width)
    best, place = ops.top_k(ops.reshape(candidates, (-1, k * width)), k)
    place = ops.cast(place, "int32")
    if k == 1:
        return best, chosen * width + place
    chosen = ops.take(ops.reshape(chosen, (-1,)), rows * k + place // width, axis=0)
    return best, chosen * width + place % width


def group_width(size):
    """The divisor of `size` next to `GROUP`, or None if there is none that is worth it."""
    divisors = [width for width in range(8, 8 * GROUP) if size % width == 0]
    return min(divisors, key=lambda width: abs(width - GROUP), default=None)
