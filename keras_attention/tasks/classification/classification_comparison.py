"""How the formats of a classifier are compared with Keras, and scored."""

import time

import numpy as np

from keras_attention._validation import InputError, truncation_is_known
from keras_attention.artifacts.parity import BATCH_SIZES, ParityError
from keras_attention.artifacts.precision_loss import Measure
from keras_attention.problem_types import HALF, MULTI_LABEL, REGRESSION, SINGLE_LABEL
from keras_attention.tasks.comparison import Comparison
from keras_attention.text.corpora.label_values import label_targets
from keras_attention.text.corpora.labelled_texts import LabelledTexts
from keras_attention.training.classification_scores import SUMMARY, scores_of_answers

TOLERANCE = 1e-4  # of a probability in float32
SANE = 0.5  # of the texts, which a format in lower precision must label as Keras does


def scores_of(classifier, texts, pairs=None):
    """`classifier.scores`, without a word on texts that are too long."""
    with truncation_is_known():
        return classifier.scores(texts, pairs)


def _differences(reference, found, problem_type, lower):
    """What differs of each text.

    Returns:
        Whether the answer is another one (N,), whether it is an equally good one (N,), and how far
        the scores are apart (N, C), of a regression relative to numbers above 1.
    """
    apart = np.abs(found - reference)
    if problem_type == REGRESSION:
        apart = apart / np.maximum(1, np.abs(reference))
        # In lower precision a number is as good as another that tells the same texts apart.
        allowed = max(TOLERANCE, reference.std() / 2) if lower else TOLERANCE
        differs = ~(apart <= allowed).all(axis=1)
        return differs, np.zeros_like(differs), apart
    differs = found.argmax(axis=1) != reference.argmax(axis=1)
    # Two labels that are equally probable within the tolerance are equally good.
    best = np.take_along_axis(reference, found.argmax(axis=1)[:, None], axis=1)[:, 0]
    is_tie = ~differs | (reference.max(axis=1) - best <= 2 * TOLERANCE)
    if problem_type == MULTI_LABEL:  # each label holds, or does not
        flips = (found >= HALF) != (reference >= HALF)
        differs = differs | flips.any(axis=1)
        is_tie &= (~flips | (np.abs(reference - HALF) <= TOLERANCE)).all(axis=1)
    return differs, differs & is_tie, apart


def compare_classifiers(reference, classifier, texts, pairs=None, batch_size=32, lower=False):
    """Classifies `texts` and compares with the scores that are expected.

    Args:
        reference: scores (N, C) of the Keras model: probabilities, or the numbers of a regression.
        classifier: a `TextClassifier` of the artifact.
        texts: list of N strings.
        pairs: list of N strings, or None.
        batch_size: texts at a time.
        lower: whether the classifier is in lower precision.

    Returns:
        The report, a dict of JSON values, and the scores (N, C).
    """
    classifier.batch_size = batch_size
    some = None if pairs is None else pairs[:1]
    scores_of(classifier, texts[:1], some)  # the first call allocates
    started = time.perf_counter()
    found = scores_of(classifier, texts, pairs)
    milliseconds = 1000 * (time.perf_counter() - started) / len(texts)
    differs, ties, apart = _differences(reference, found, classifier.problem_type, lower)
    report = {
        "sentences": len(texts),
        "agreement": float((~differs).mean()),
        "ties": int(ties.sum()),
        "largest_difference": float(apart.max()),
        "batch_size": batch_size,
        "milliseconds_per_sentence": milliseconds,
    }
    return report, found


def check_classifier(reference, classifier, texts, pairs, name, lower=False):
    """`compare_classifiers` at batch 1 and 32; raises `ParityError` where the format is wrong.

    Args:
        reference, classifier, texts, pairs: those of `compare_classifiers`.
        name: of the format, for messages.
        lower: whether the format is in lower precision: it may then label a text otherwise.

    Returns:
        The two reports, and the scores (N, C) at batch 32.
    """
    reports = []
    for size in BATCH_SIZES:
        report, found = compare_classifiers(reference, classifier, texts, pairs, size, lower)
        reports.append(report)
        # Written so that a probability that is not a number agrees with nothing.
        if lower:
            is_right = np.isfinite(found).all() and report["agreement"] >= SANE
        else:
            same = round(report["agreement"] * len(texts)) + report["ties"] == len(texts)
            is_right = same and report["largest_difference"] <= TOLERANCE
        if not is_right:
            raise ParityError(
                f"{name} does not agree with Keras: of {len(texts)} texts {report['agreement']:.1%}"
                f" get the same answer (and {report['ties']} are ties); scores differ by up "
                f"to {report['largest_difference']:.2g}."
            )
    return reports, found


class ClassificationComparison(Comparison):
    """Compares the probabilities of labelled texts, or the numbers of a regression, with Keras'.

    A float32 format must give Keras' labels, and its probabilities to 1e-4; a regression's numbers
    to 1e-4 of those above 1. A format in lower precision may differ; what it loses is measured in
    points of accuracy where a text has one label. Otherwise its scores are told, and not bounded.
    """

    measure = Measure("points of accuracy", {"float16": 0.1, "int8": 0.5}, "labels (`valid`)")

    def __init__(self, user, examples):
        if isinstance(examples, (list, tuple)):
            examples = LabelledTexts(list(examples), None, None)
        if not len(examples):
            raise InputError("There is no text to compare the exported formats with Keras on.")
        self._examples = examples
        self._labels, self._problem_type = user.labels, user.problem_type
        if user.problem_type != SINGLE_LABEL:
            self.measure = None  # accuracy is of one label a text
        self._targets = None
        if examples.labels is not None:
            self._targets = label_targets(examples, user.labels, user.problem_type)
        self._reference = scores_of(user, examples.texts, examples.pairs)
        self._found = {}
        self.count = len(examples)

    def check(self, candidate, name, lower):
        texts, pairs = self._examples.texts, self._examples.pairs
        reports, found = check_classifier(self._reference, candidate, texts, pairs, name, lower)
        self._found[id(candidate)] = found
        return reports

    def scores(self, candidate=None):
        if self._targets is None:
            return None
        found = self._reference if candidate is None else self._found[id(candidate)]
        scores = scores_of_answers(self._problem_type, self._targets, found, self._labels)
        names = SUMMARY[self._problem_type] if self.measure is None else ("accuracy",)
        return {name: scores[name] for name in names}

    def points(self, scores):
        return 100 * scores["accuracy"]
