"""Rows of ids whose tokens a language model scores."""

import numpy as np

from keras_attention._validation import require


def require_scored_rows(rows, context, vocabulary_size, ends=()):
    """Raises `ValueError` unless a model can score each of `rows`.

    Args:
        rows: lists or integer arrays of ids.
        context: the tokens that the model reads; the last token of a row is not read.
        vocabulary_size: ids are below it.
        ends: further ids that there are.

    >>> require_scored_rows([[5], []], context=8, vocabulary_size=10)
    Traceback (most recent call last):
    ValueError: `rows` must be lists of one id or more. Received: rows[1]=[]
    """
    is_list = isinstance(rows, (list, tuple, np.ndarray))
    require(is_list, "rows", "a list of lists of ids", rows=rows)
    for number, row in enumerate(rows):
        name = f"rows[{number}]"
        is_row = isinstance(row, (list, tuple, np.ndarray))
        require(is_row, "rows", "a list of lists of ids", **{name: row})
        require(len(row) > 0, "rows", "lists of one id or more", **{name: row})
        most = f"lists of at most {context + 1:,} ids: those that the model reads, and one more"
        require(len(row) <= context + 1, "rows", most, **{f"len({name})": len(row)})
        known = f"lists of ids of the vocabulary, from 0 to {vocabulary_size - 1:,}"
        for place, token_id in enumerate(row):
            is_id = isinstance(token_id, (int, np.integer)) and not isinstance(token_id, bool)
            is_known = is_id and (0 <= token_id < vocabulary_size or token_id in ends)
            require(is_known, "rows", known, **{f"{name}[{place}]": token_id})
