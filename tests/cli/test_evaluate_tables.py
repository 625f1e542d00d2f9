"""What `evaluate` prints of many labels: the figures that sum up, and the tables on request."""

import json

import pytest

from keras_attention.cli import evaluate
from tests.cli.command import run_here


def scores(count):
    names = [f"label {i}" for i in range(count)]
    row = {"precision": 0.5, "recall": 1.0, "f1": 2 / 3, "support": 4}
    return {
        "accuracy": 0.25,
        "macro_f1": 0.5,
        "per_label": dict.fromkeys(names, row),
        "confusion": [[int(i == j) for j in range(count)] for i in range(count)],
        "texts": 4 * count,
        "seconds": 1.5,
        "nothing": None,
        "empty": [],
    }


@pytest.mark.parametrize("count", [1, 2, 50])
def test_it_is_the_same_json_with_figures_first(count):
    text = evaluate.json_of(scores(count))
    assert json.loads(text) == scores(count)
    lines = text.splitlines()
    assert [line.split('"')[1] for line in lines[1:7]] == [
        *("accuracy", "macro_f1", "texts", "seconds", "nothing", "empty")
    ]
    assert len(lines) == 2 + 6 + 2 * (count + 2)  # a line a label


@pytest.mark.parametrize(
    ("count", "options", "lines", "said"),
    [
        (10, (), 32, ""),
        (50, (), 8, "per_label and confusion: 50 rows; --table prints them.\n"),
        (50, ("--table",), 112, ""),
    ],
)
def test_tables_of_many_labels_are_printed_on_request(
    capfd, monkeypatch, count, options, lines, said
):
    monkeypatch.setattr("keras_attention.tasks.evaluate.evaluate", lambda *_, **__: scores(count))
    command = ("evaluate", "classifier", "--model", "run", "--data", "a.csv", *options)
    status, out, err = run_here(capfd, *command)
    assert (status, err) == (0, said)
    assert len(out.splitlines()) == lines and json.loads(out)["macro_f1"] == 0.5
