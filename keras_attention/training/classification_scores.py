"""Accuracy, F1 and the confusion matrix of a classifier."""

import numpy as np

from keras_attention._validation import require


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
    precision = correct / np.maximum(predicted, 1)
    recall = correct / np.maximum(true, 1)
    f1 = 2 * correct / np.maximum(true + predicted, 1)
    return {
        "accuracy": float(correct.sum() / len(labels)),
        "macro_f1": float(f1[true + predicted > 0].mean()),
        "per_label": {
            name: {
                "precision": float(precision[index]),
                "recall": float(recall[index]),
                "f1": float(f1[index]),
                "support": int(true[index]),
            }
            for index, name in enumerate(names)
        },
        "confusion": confusion.tolist(),
    }
