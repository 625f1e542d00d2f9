"""Classifiers in `export/onnxruntime` and `export/litert`, run where nothing else is installed."""

import json

import numpy as np
import pytest

from tests.export import classified
from tests.export.classified import CLASSIFIERS, SENTENCES, line_of
from tests.export.heads import head_artifact, head_run
from tests.loaded_once import loaded
from tests.tasks.small_models import TEXTS

pytestmark = pytest.mark.filterwarnings("ignore::keras_attention._validation.TruncationWarning")


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_it_gives_keras_answers(consumer, request, kind):
    run = request.getfixturevalue(f"{kind}_run_directory")
    artifact = request.getfixturevalue(f"{kind}_artifact_directory")
    texts = CLASSIFIERS[kind]
    found = consumer("classify.py", artifact, map(line_of, texts))
    expected = classified.expected(run, texts)
    classified.require_answers(found, expected, classified.labels_of(artifact))
    assert consumer("classify.py", artifact, []) == []


def test_it_runs_lower_precision(consumer, int8_classifier_artifact_directory):
    """Line by line it gives what our own runtime gives with one sentence in a batch."""
    artifact = int8_classifier_artifact_directory
    classifier = loaded(artifact, {"onnxruntime": "onnx", "litert": "tflite"}[consumer.name])
    classifier.batch_size = 1
    found = consumer("classify.py", artifact, SENTENCES)
    expected = classified.answers(classifier, SENTENCES)
    classified.require_answers(found, expected, classifier.labels)


@pytest.mark.parametrize(
    "head", ["several labels", "two numbers", pytest.param("regression", marks=pytest.mark.slow)]
)
def test_it_gives_what_a_head_means(consumer, once, head):
    artifact = head_artifact(once, head)
    scores, labels = loaded(head_run(once, head)).scores(TEXTS), classified.labels_of(artifact)
    rows = [json.loads(line) for line in consumer("classify.py", artifact, TEXTS)]
    assert [list(row["scores"]) for row in rows] == [labels] * len(TEXTS)
    found = [list(row["scores"].values()) for row in rows]
    np.testing.assert_allclose(found, scores, atol=1e-4)
    if head == "several labels":
        assert [row["label"] for row in rows] == [labels[i] for i in scores.argmax(axis=1)]
    else:
        assert not any("label" in row for row in rows)


@pytest.mark.parametrize("line", ["no tab", "one\ttab\ttoo many"])
def test_a_pair_is_two_texts(consumer, pair_classifier_artifact_directory, line):
    artifact = pair_classifier_artifact_directory
    status, found, error = consumer.run("classify.py", artifact, ["one\ttwo", line, "one\ttwo"])
    assert status == 1 and found[1] == "null" and found[0] == found[2] != "null"
    assert error.endswith("Line 2: expected two texts with one tab between them.\n")
    assert error.count("Line ") == 1


def test_the_kinds_are_told_apart(consumer, artifact_directory, classifier_artifact_directory):
    status, found, error = consumer.run("classify.py", artifact_directory, ["text"])
    assert (status, found) == (1, [])
    assert error == f"{artifact_directory} is a translator, not a classifier.\n"
    status, found, error = consumer.run("translate.py", classifier_artifact_directory, ["text"])
    assert (status, found) == (1, [])
    assert error == f"{classifier_artifact_directory} is a classifier, not a translator.\n"
