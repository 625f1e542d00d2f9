"""Rows of ids of different lengths as one array."""

import numpy as np


def pad(rows, length=None, value=0):
    """(N, longest) int32 from lists of ids, padded with `value` at the end.

    >>> pad([[5, 3], [7]])
    array([[5, 3],
           [7, 0]], dtype=int32)
    """
    length = max(map(len, rows), default=0) if length is None else length
    padded = np.full((len(rows), length), value, dtype=np.int32)
    for padded_row, row in zip(padded, rows, strict=True):
        padded_row[: len(row)] = row
    return padded
