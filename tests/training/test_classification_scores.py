import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_attention.training import (
    classification_scores,
    multi_label_scores,
    regression_scores,
)


def by_counting(labels, predictions, names):
    """The definitions in plain Python."""
    pairs = list(zip(labels, predictions, strict=True))
    per_label, f1s = {}, []
    for index, name in enumerate(names):
        both = sum(y == p == index for y, p in pairs)
        true = sum(y == index for y in labels)
        predicted = sum(p == index for p in predictions)
        precision = both / predicted if predicted else 0.0
        recall = both / true if true else 0.0
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
        per_label[name] = dict(precision=precision, recall=recall, f1=f1, support=true)
        if true or predicted:
            f1s.append(f1)
    return {
        "accuracy": sum(y == p for y, p in pairs) / len(pairs),
        "macro_f1": sum(f1s) / len(f1s),
        "per_label": per_label,
        "confusion": [[pairs.count((y, p)) for p in range(len(names))] for y in range(len(names))],
    }


@given(
    st.integers(2, 6).flatmap(
        lambda size: st.tuples(
            st.just(size),
            st.lists(
                st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)),
                min_size=1,
                max_size=40,
            ),
        )
    )
)
def test_scores_are_what_counting_gives(case):
    size, pairs = case
    labels, predictions = map(list, zip(*pairs, strict=True))
    names = [f"class {i}" for i in range(size)]
    scores = classification_scores(np.array(labels), np.array(predictions, "int32"), names)
    expected = by_counting(labels, predictions, names)
    assert json.loads(json.dumps(scores)) == scores
    assert scores["confusion"] == expected["confusion"]
    assert scores["accuracy"] == pytest.approx(expected["accuracy"])
    assert scores["macro_f1"] == pytest.approx(expected["macro_f1"])
    assert list(scores["per_label"]) == names
    for name in names:
        assert scores["per_label"][name] == pytest.approx(expected["per_label"][name])


def test_by_hand():
    scores = classification_scores([0, 0, 0, 2, 2], [0, 0, 2, 2, 0], ["a", "b", "c", "d"])
    assert scores["confusion"] == [[2, 0, 1, 0], [0, 0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]]
    assert scores["accuracy"] == pytest.approx(3 / 5)
    # F1 2/3 and 1/2; "b" and "d" occur nowhere and do not count.
    assert scores["macro_f1"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert scores["per_label"]["b"] == dict(precision=0.0, recall=0.0, f1=0.0, support=0)


@pytest.mark.parametrize(
    "labels, predictions, message",
    [
        ([], [], "`labels` must be as many as `predictions`, not none. Received: labels="),
        ([0, 1], [0], r"`labels` must be as many as .* labels=\(2,\), predictions=\(1,\)"),
        ([0, 2], [0, 1], "must be integers from 0 to 1, for as many names. .*largest=.*2"),
        ([0, 1], [-1, 1], "must be integers from 0 to 1, for as many names"),
        ([0, 1], [0.2, 0.8], "must be integers from 0 to 1, for as many names"),
    ],
)
def test_bad_arguments(labels, predictions, message):
    with pytest.raises(ValueError, match=message):
        classification_scores(labels, predictions, ["a", "b"])


# scikit-learn 1.x's and SciPy's figures of the same rows, made once.
TARGETS = (
    "0010 0000 0000 0100 0000 1100 0000 0000 1000 1000 0000 1000 1000 0100 1000 1100 1000 1100 "
    "1000 0000 0000 1000 1000 1000 1000 1000 1000 1000 0100 0100 1000 1000 1000 0000 0000 0000 "
    "1010 1010 1000 0100"
)
PREDICTIONS = (
    "1000 0000 0000 1100 0000 0100 0100 0000 0100 1000 1100 0000 1000 1000 0000 0100 0000 0000 "
    "0000 1000 1000 0000 1000 0000 0100 0000 1000 1100 1000 0000 0000 0000 0100 1000 1000 0010 "
    "0000 0000 0000 0100"
)
SCIKIT = {
    "micro_f1": 0.3050847457627119,
    "macro_f1": 0.23823823823823823,  # of the labels that occur, as for one label a text
    "exact_match": 0.225,
    "hamming_loss": 0.25625,
}
PER_LABEL = {
    "precision": [0.35714285714285715, 0.4, 0.0, 0.0],
    "recall": [0.21739130434782608, 0.5, 0.0, 0.0],
    "f1": [0.2702702702702703, 0.4444444444444444, 0.0, 0.0],
    "support": [23, 8, 3, 0],
}


def test_several_labels_at_once():
    targets, predictions = (
        np.array([list(map(int, row)) for row in rows.split()]) for rows in (TARGETS, PREDICTIONS)
    )
    scores = multi_label_scores(targets, predictions, list("abcd"))
    assert {name: scores[name] for name in SCIKIT} == pytest.approx(SCIKIT)
    for name, values in PER_LABEL.items():
        found = [scores["per_label"][label][name] for label in "abcd"]
        assert found == pytest.approx(values)
    assert json.loads(json.dumps(scores)) == scores
    nothing = multi_label_scores([[0, 0]], [[0, 0]], ["a", "b"])
    assert (nothing["micro_f1"], nothing["macro_f1"], nothing["exact_match"]) == (0.0, 0.0, 1.0)


STARS = [2, 4, 3, 2, 2.5, 2, 3.5, 3.5, 2.5, 2, 3.5, 4, 3, 3.5, 2.5, 3, 2.5, 3.5, 1.5, 3.5, 3, 3.5]
STARS += [2.5, 3.5, 2]
TOLD = [2.8, 2.8, 2.3, 2.2, 3.5, 2.2, 3.3, 2.5, 2.4, 2.0, 4.7, 4.4, 1.9, 4.9, 2.2, 2.4, 3.5, 3.5]
TOLD += [1.2, 3.7, 3.6, 4.2, 1.5, 4.9, 2.7]
SCIPY = {
    "pearson": 0.6605600918210006,
    "spearman": 0.6733328866015221,
    "mse": 0.6140000000000001,
    "mae": 0.652,
}


def test_a_regression():
    targets, predictions = np.array(STARS)[:, None], np.array(TOLD)[:, None]
    scores = regression_scores(targets, predictions, ["stars"])
    assert scores == pytest.approx(SCIPY)
    both = regression_scores(
        np.hstack([targets, targets]), np.hstack([predictions, targets]), ["stars", "same"]
    )
    assert both["per_label"]["stars"] == scores
    assert both["per_label"]["same"] == dict(
        pearson=pytest.approx(1), spearman=pytest.approx(1), mse=0, mae=0
    )
    assert both["mae"] == pytest.approx(0.326)
    assert both["pearson"] == pytest.approx((1 + SCIPY["pearson"]) / 2)
    constant = regression_scores(targets, 0 * targets + 3, ["stars"])
    assert constant["pearson"] is None and constant["spearman"] is None and constant["mae"] > 0
    assert json.loads(json.dumps(constant)) == constant


@pytest.mark.parametrize("scores", [multi_label_scores, regression_scores])
def test_rows_that_do_not_fit(scores):
    for targets, predictions in (([], []), ([[1]], [[1, 2]]), ([1, 2], [1, 2])):
        with pytest.raises(ValueError, match="`targets` must be as many rows as `predictions`"):
            scores(targets, predictions, ["a"])
    with pytest.raises(ValueError, match="`names` must be one for each of 1 columns"):
        scores([[1]], [[1]], ["a", "b"])
