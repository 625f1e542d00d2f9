"""Accuracy, F1 and confusion of a classifier; correlations and errors of a regression."""

import numpy as np

from keras_attention._validation import require
from keras_attention.problem_types import HALF, MULTI_LABEL, REGRESSION, SINGLE_LABEL
from keras_attention.training.correlations import pearson, spearman

# The scores of `scores_of_answers` that sum up all texts and labels.
SUMMARY = {
    SINGLE_LABEL: ("accuracy", "macro_f1"),
    MULTI_LABEL: ("micro_f1", "macro_f1", "exact_match", "hamming_loss"),
    REGRESSION: ("pearson", "spearman", "mse", "mae"),
}


def scores_of_answers(problem_type, targets, found, names):
    """The scores that suit what a classifier tells.

    Args:
        problem_type: one of `keras_attention.problem_types.PROBLEM_TYPES`.
        targets: what `label_targets` gives.
        found: (N, C), the probabilities or numbers of the model. Where any number of labels may
            hold, those with 0.5 or more do.
        names: list of C strings.

    Returns:
        The dict of `classification_scores`, `multi_label_scores` or `regression_scores`.
    """
    if problem_type == REGRESSION:
        return regression_scores(targets, found, names)
    if problem_type == MULTI_LABEL:
        return multi_label_scores(targets, found >= HALF, names)
    return classification_scores(targets, found.argmax(axis=1), names)


def classification_scores(labels, predictions, names):
    """Scores of predicted classes.

    Args:
        labels: integers (N,), the true classes.
        predictions: integers (N,), the predicted classes.
        names: list of C strings.

    Returns:
        A dict of JSON values:

        - "accuracy".
        - "macro_f1": the mean F1 of the classes that occur among labels or predictions.
        - "per_label": for each name "precision", "recall", "f1" (0 instead of 0 / 0) and
          "support", the number of its labels.
        - "confusion" (C, C): counts, with a row for each true class and a column for each
          predicted one.

    Raises:
        ValueError: if there are no labels, if the number of predictions differs, or if a class has
            no name.

    >>> scores = classification_scores([0, 0, 1, 1], [0, 1, 1, 1], ["bad", "good"])
    >>> scores["accuracy"], scores["confusion"], scores["per_label"]["good"]["recall"]
    (0.75, [[1, 1], [0, 2]], 1.0)
    """
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    require(
        labels.ndim == 1 and labels.shape == predictions.shape and len(labels),
        "labels",
        "as many as `predictions`, not none",
        labels=labels.shape,
        predictions=predictions.shape,
    )
    size = len(names)
    both = np.concatenate([labels, predictions])
    require(
        both.dtype.kind in "iu" and both.min() >= 0 and both.max() < size,
        "labels` and `predictions",
        f"integers from 0 to {size - 1}, for as many names",
        smallest=both.min(),
        largest=both.max(),
    )
    confusion = np.bincount(labels * size + predictions, minlength=size * size).reshape(size, size)
    correct, true, predicted = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    macro_f1, per_label = _of_labels(correct, true, predicted, names)
    return {
        "accuracy": float(correct.sum() / len(labels)),
        "macro_f1": macro_f1,
        "per_label": per_label,
        "confusion": confusion.tolist(),
    }


def _of_labels(correct, true, predicted, names):
    """The macro F1, and the scores of each label, from three counts (C,)."""
    precision = correct / np.maximum(predicted, 1)
    recall = correct / np.maximum(true, 1)
    f1 = 2 * correct / np.maximum(true + predicted, 1)
    occurring = f1[true + predicted > 0]
    return float(occurring.mean()) if len(occurring) else 0.0, {
        name: {
            "precision": float(precision[index]),
            "recall": float(recall[index]),
            "f1": float(f1[index]),
            "support": int(true[index]),
        }
        for index, name in enumerate(names)
    }


def multi_label_scores(targets, predictions, names):
    """Scores of labels, any number of which may hold of a text.

    Args:
        targets: (N, C), 1 where a label holds.
        predictions: (N, C), 1 where it is predicted.
        names: list of C strings.

    Returns:
        A dict of JSON values, in scikit-learn's terms:

        - "micro_f1": of all labels of all texts together (0 instead of 0 / 0).
        - "macro_f1" and "per_label": those of `classification_scores`.
        - "exact_match": the share of texts of which every label is right.
        - "hamming_loss": the share of labels that are wrong.

    Raises:
        ValueError: if there are no texts, or the shapes differ.

    >>> scores = multi_label_scores([[1, 1], [0, 0]], [[1, 0], [0, 0]], ["funny", "sad"])
    >>> scores["exact_match"], scores["hamming_loss"], scores["micro_f1"]
    (0.5, 0.25, 0.6666666666666666)
    """
    targets, predictions = np.asarray(targets).astype(bool), np.asarray(predictions).astype(bool)
    _require_rows(targets, predictions, names)
    correct, true, predicted = (targets & predictions).sum(0), targets.sum(0), predictions.sum(0)
    macro_f1, per_label = _of_labels(correct, true, predicted, names)
    return {
        "micro_f1": float(2 * correct.sum() / max(1, true.sum() + predicted.sum())),
        "macro_f1": macro_f1,
        "exact_match": float((targets == predictions).all(axis=1).mean()),
        "hamming_loss": float((targets != predictions).mean()),
        "per_label": per_label,
    }


def regression_scores(targets, predictions, names):
    """Scores of numbers.

    Args:
        targets, predictions: (N, C).
        names: list of C strings.

    Returns:
        A dict of JSON values: "pearson" and "spearman" (correlations; None where the numbers on one
        side are all the same), "mse" and "mae" (mean squared and mean absolute error). Of several
        numbers, C > 1, they are means, and "per_label" holds those of each.

    Raises:
        ValueError: if there are no texts, or the shapes differ.

    >>> regression_scores([[1], [2], [4]], [[1], [3], [4]], ["stars"])["spearman"]
    1.0
    """
    targets, predictions = np.asarray(targets, float), np.asarray(predictions, float)
    _require_rows(targets, predictions, names)
    columns = zip(targets.T, predictions.T, strict=True)
    per_label = [_of_numbers(*column) for column in columns]
    if len(names) == 1:
        return per_label[0]

    def mean(name):
        values = [scores[name] for scores in per_label]
        return None if None in values else float(np.mean(values))

    return {
        **{name: mean(name) for name in SUMMARY[REGRESSION]},
        "per_label": dict(zip(names, per_label, strict=True)),
    }


def _of_numbers(targets, predictions):
    errors = predictions - targets
    return {
        "pearson": pearson(targets, predictions),
        "spearman": spearman(targets, predictions),
        "mse": float((errors**2).mean()),
        "mae": float(np.abs(errors).mean()),
    }


def _require_rows(targets, predictions, names):
    require(
        targets.shape == predictions.shape and targets.ndim == 2 and len(targets),
        "targets",
        "as many rows as `predictions`, not none",
        targets=targets.shape,
        predictions=predictions.shape,
    )
    require(
        targets.shape[1] == len(names),
        "names",
        f"one for each of {targets.shape[1]} columns",
        names=names,
    )
