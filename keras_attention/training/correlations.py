"""Correlations of two rows of numbers."""

import numpy as np


def pearson(first, second):
    """The linear correlation of two arrays (N,), from -1 to 1; None where one has equal numbers
    alone.

    >>> pearson([1, 2, 3], [2, 4, 6])
    1.0
    """
    if len(np.unique(first)) < 2 or len(np.unique(second)) < 2:
        return None
    return float(np.clip(np.corrcoef(first, second)[0, 1], -1, 1))


def spearman(first, second):
    """The correlation of the ranks of two arrays (N,): 1 where they have the same order.

    >>> spearman([1, 2, 3], [1, 10, 100])
    1.0
    """
    return pearson(_ranks(first), _ranks(second))


def _ranks(values):
    """The rank of each value, from 1 on; equal ones share the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]
