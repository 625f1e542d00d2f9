import math

import pytest

from keras_attention.artifacts.parity import ParityError, check_operators
from keras_attention.tasks.translation.parity import check_parity, compare, measure_precision

TEXTS = ["one", "two", "three", "four"]


class Answers:
    """A translator that knows its answers by heart."""

    has_scores = True

    def __init__(self, changed=None, scores=None, others=None):
        self.others = others or {}
        self.answers = {text: text.upper() for text in TEXTS} | (changed or {})
        self.scores = dict.fromkeys(TEXTS, -1.0) | (scores or {})
        self.batch_sizes = []

    def translate_n_best(self, texts):
        self.batch_sizes.append(getattr(self, "batch_size", None))
        return [[(self.answers[t], self.scores[t]), *self.others.get(t, [])] for t in texts]

    def translate(self, texts):
        return [row[0][0] for row in self.translate_n_best(texts)]


def test_full_agreement():
    translator = Answers(scores={"two": -1.0005})
    report = compare(Answers(), translator, TEXTS, 32)
    assert report["agreement"] == 1 and report["ties"] == 0 and report["differences"] == []
    assert report["largest_score_difference"] == pytest.approx(5e-4)
    assert report["sentences"] == 4 and report["batch_size"] == 32
    assert set(translator.batch_sizes) == {32}


def test_another_text_of_the_same_score_is_a_tie():
    report = compare(Answers(), Answers({"two": "ZWO"}, {"two": -1.0002}), TEXTS, 1)
    assert (report["agreement"], report["ties"], report["differences"]) == (0.75, 1, [])
    assert report["largest_score_difference"] == 0  # ties are not counted


@pytest.mark.parametrize("score", [-1.5, math.nan, math.inf, -math.inf])
def test_another_text_of_another_score_is_a_difference(score):
    report = compare(Answers(), Answers({"two": "ZWO"}, {"two": score}), TEXTS, 1)
    assert (report["agreement"], report["ties"]) == (0.75, 0)
    assert [d["text"] for d in report["differences"]] == ["two"]


@pytest.mark.parametrize("score", [-1.5, math.nan])
def test_the_same_text_of_another_score_is_a_difference(score):
    report = compare(Answers(), Answers(scores={"four": score}), TEXTS, 1)
    assert report["agreement"] == 1
    assert [d["text"] for d in report["differences"]] == ["four"]


def test_every_hypothesis_is_compared():
    others = {"two": [("zwo", -2.0), ("zwei!", -3.0)]}
    report = compare(Answers(others=others), Answers(others=others), TEXTS, 1)
    assert report["agreement"] == 1 and report["differences"] == []
    swapped = {"two": [("zwo", -2.0), ("zwei?", -3.5)]}
    report = compare(Answers(others=others), Answers(others=swapped), TEXTS, 1)
    assert report["agreement"] == 0.75 and report["ties"] == 0
    assert [(d["expected"], d["found"]) for d in report["differences"]] == [("zwei!", "zwei?")]
    fewer = {"two": [("zwo", -2.0)]}
    report = compare(Answers(others=others), Answers(others=fewer), TEXTS, 1)
    assert [d["text"] for d in report["differences"]] == ["two"]


def test_no_hypothesis_at_all_is_a_difference():
    nothing = Answers()
    nothing.translate_n_best = lambda texts: [[] for _ in texts]
    report = compare(Answers(), nothing, TEXTS, 1)
    assert [(d["expected"], d["found"]) for d in report["differences"]] == [
        (text.upper(), "") for text in TEXTS
    ]
    with pytest.raises(ParityError, match=r"should give 'ONE' \(score -1.0000\), gives '' \(nan\)"):
        check_parity(Answers(), nothing, TEXTS, "onnx")


def test_check_parity_runs_both_batch_sizes():
    reports = check_parity(Answers(), Answers(), TEXTS, "onnx")
    assert [report["batch_size"] for report in reports] == [1, 32]
    assert all("differences" not in report for report in reports)


def test_check_parity_says_what_differs():
    wrong = Answers({"two": "ZWO", "one": ""}, {"two": -3.0, "one": -2.0})
    with pytest.raises(ParityError) as error:
        check_parity(Answers(), wrong, TEXTS, "onnx")
    assert str(error.value) == (
        "onnx does not agree with Keras on 2 of 4 sentences: 'one' should give 'ONE' "
        "(score -1.0000), gives '' (-2.0000)."
    )


def test_standard_operators_pass():
    check_operators({"tflite": ["ADD", "WHILE"], "onnx": ["ai.onnx:Loop"]})


@pytest.mark.parametrize(
    ("name", "op"),
    [
        ("tflite", "custom:FlexErf"),
        ("tflite", "custom:TFSentencepieceTokenizeOp"),
        ("onnx", "com.microsoft:Gelu"),
        ("onnx", "ai.onnx.contrib:StringLower"),
        ("onnx", "ai.onnx.ml:LabelEncoder"),
    ],
)
def test_foreign_operators_do_not_pass(name, op):
    with pytest.raises(ParityError, match=f"{name} needs operators that are not standard: {op}"):
        check_operators({"tflite": ["ADD"], "onnx": ["ai.onnx:Loop"], name: ["ADD", op]})


def unscored(changed=None):
    """One that gives no scores."""
    translator = Answers(changed, dict.fromkeys(TEXTS, math.nan))
    translator.has_scores = False
    return translator


def test_without_scores_the_texts_are_compared():
    report = compare(Answers(), unscored(), TEXTS, 1)
    assert (report["agreement"], report["ties"], report["differences"]) == (1, 0, [])
    assert report["largest_score_difference"] == 0
    report = compare(Answers(), unscored({"two": "ZWO"}), TEXTS, 1)
    assert (report["agreement"], report["ties"]) == (0.75, 0)
    assert [d["text"] for d in report["differences"]] == ["two"]


def test_without_scores_one_text_of_a_hundred_may_differ():
    many = [*TEXTS, *["one"] * 95, "four"]  # "two" is one of a hundred, "four" are two
    check_parity(Answers(), unscored({"two": "ZWO"}), many, "onnx")
    with pytest.raises(ParityError, match="does not agree with Keras on 2 of 100 sentences"):
        check_parity(Answers(), unscored({"four": "VIER"}), many, "onnx")
    reports = measure_precision(Answers(), unscored({"two": "ZWO"}), many, "onnx")
    assert [report["agreement"] for report in reports] == [0.99, 0.99]
