"""How well the vectors of texts find the other text of their pair."""

import numpy as np

from keras_attention._validation import require

ROWS = 1024  # vectors that are compared with all others at a time


def retrieval_scores(first, second, first_ids=None, second_ids=None):
    """How often the nearest text, by cosine similarity, is the other one of a pair.

    Args:
        first, second: vectors (N, D) of the first and of the second texts of N pairs.
        first_ids, second_ids: integers (N,), the same for the same text: whichever of equal texts
            is found, it is right. By default all texts are different.

    Returns:
        A dict of JSON values: "recall_at_1" (the share of first texts whose nearest second text is
        theirs), "recall_at_1_reversed" (the same of second texts and first ones) and "pairs".

    Raises:
        ValueError: if there are no vectors, or not as many of both.

    >>> retrieval_scores(np.eye(2), np.eye(2))["recall_at_1"]
    1.0
    """
    first, second = (np.asarray(vectors, "float32") for vectors in (first, second))
    require(
        first.ndim == 2 and first.shape == second.shape and len(first),
        "first",
        "vectors (N, D), as many as `second`, not none",
        first=first.shape,
        second=second.shape,
    )
    first_ids, second_ids = (
        np.arange(len(first)) if ids is None else np.asarray(ids) for ids in (first_ids, second_ids)
    )
    first, second = _unit(first), _unit(second)
    return {
        "recall_at_1": _recall(first, second, second_ids),
        "recall_at_1_reversed": _recall(second, first, first_ids),
        "pairs": len(first),
    }


def _unit(vectors):
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def _recall(queries, candidates, ids):
    """The share of queries whose nearest candidate has the id of their own."""
    nearest = [
        (queries[start : start + ROWS] @ candidates.T).argmax(axis=1)
        for start in range(0, len(queries), ROWS)
    ]
    return float((ids[np.concatenate(nearest)] == ids).mean())
