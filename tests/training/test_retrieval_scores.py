"""Recall of pairs, and correlations."""

import numpy as np
import pytest

from keras_attention.training import retrieval_scores
from keras_attention.training.correlations import pearson, spearman

FIRST = np.array([[1.0, 0], [0, 2], [1, 1]])
SECOND = np.array([[3.0, 0.1], [0.1, 0.1], [0, 5]])


def test_by_hand():
    # The first text finds its own, the second the third, the third the second.
    scores = retrieval_scores(FIRST, SECOND)
    assert scores == {
        "recall_at_1": pytest.approx(1 / 3),
        "recall_at_1_reversed": pytest.approx(1 / 3),
        "pairs": 3,
    }


def test_equal_texts_are_right():
    scores = retrieval_scores(FIRST, SECOND, [0, 1, 1], [0, 1, 1])
    assert (scores["recall_at_1"], scores["recall_at_1_reversed"]) == (1, 1)


def test_in_parts(monkeypatch):
    random = np.random.default_rng(0)
    first = random.normal(size=(40, 6))
    second = first + random.normal(size=(40, 6))
    expected = retrieval_scores(first, second)
    assert 0 < expected["recall_at_1"] < 1
    import importlib

    module = importlib.import_module("keras_attention.training.retrieval_scores")
    monkeypatch.setattr(module, "ROWS", 7)
    assert retrieval_scores(first, second) == expected


def test_what_it_refuses():
    for first, second in (([], []), (FIRST, SECOND[:2]), (FIRST[0], SECOND[0])):
        with pytest.raises(ValueError, match="`first` must be vectors"):
            retrieval_scores(first, second)


def test_correlations():
    assert pearson([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)
    assert spearman([1, 2, 3, 4], [0, 10, 20, 1000]) == pytest.approx(1)
    assert spearman([1, 2, 2, 3], [1, 2, 2, 3]) == pytest.approx(1)  # equal ones share a rank
    assert spearman([1, 2, 3], [5, 5, 5]) is None
