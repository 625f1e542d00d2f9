import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_attention.training import classification_scores


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
