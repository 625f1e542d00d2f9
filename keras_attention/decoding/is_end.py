"""Where a sequence ends."""

import functools

from keras import ops


def is_end(token, end_ids):
    """Where `token`, integers of any shape, is one of `end_ids`: boolean, of the same shape.

    >>> is_end([5, 3, 7], (3, 7))  # [False, True, True]
    """
    if not len(end_ids):
        return ops.zeros(ops.shape(token), dtype="bool")
    return functools.reduce(ops.logical_or, [ops.equal(token, end) for end in end_ids])
