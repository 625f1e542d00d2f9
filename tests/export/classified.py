"""What consumers of classifiers are asked, and what they must answer."""

import json

import numpy as np

from tests.labelled_sentences import labelled_pairs, labelled_sentences
from tests.loaded_once import loaded

LONG = "A gripping plot, " * 30  # over the maximum of 48 tokens
DIFFICULT = ["", " ", "Straße, naïve 👍", "x" * 300, "a [MASK]", "e\u0301 \u00e9 日本語", LONG]
SENTENCES = [*labelled_sentences(20, seed=2)[0], *DIFFICULT]
PAIRS = [
    *zip(*labelled_pairs(20, seed=2)[:2], strict=True),
    *zip(DIFFICULT, ["What a dull film!", *DIFFICULT[:-1]], strict=True),
    (LONG, LONG),
]

# Of each kind of classifier its fixtures' name, and what it is asked.
CLASSIFIERS = {"classifier": SENTENCES, "pair_classifier": PAIRS}


def line_of(text):
    """A text, or two, as a line of input."""
    return text if isinstance(text, str) else "\t".join(text)


def columns_of(texts):
    """Texts, or pairs of them, as a list of one list, or of two."""
    return [texts] if isinstance(texts[0], str) else [list(x) for x in zip(*texts, strict=True)]


def answers(classifier, texts):
    """The labels and probabilities of a `TextClassifier`."""
    probabilities = classifier.probabilities(*columns_of(texts))
    return [classifier.labels[i] for i in probabilities.argmax(axis=1)], probabilities


def expected(run_directory, texts):
    """Keras' answers, which must be of every label."""
    classifier = loaded(run_directory)
    labels, probabilities = answers(classifier, texts)
    assert set(labels) == set(classifier.labels)
    return labels, probabilities


def require_answers(lines, expected, labels):
    """Lines of JSON must hold the expected labels, and the probabilities to 1e-4."""
    rows = [json.loads(line) for line in lines]
    assert [row["label"] for row in rows] == expected[0]
    assert {tuple(row["scores"]) for row in rows} == {tuple(labels)}
    found = [list(row["scores"].values()) for row in rows]
    np.testing.assert_allclose(found, expected[1], atol=1e-4)


def labels_of(artifact):
    """The names in a manifest."""
    return json.loads((artifact / "manifest.json").read_text())["labels"]
