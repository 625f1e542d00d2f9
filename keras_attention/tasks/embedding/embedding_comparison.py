"""How the formats of sentence vectors are compared with Keras, and scored."""

import numpy as np

from keras_attention._validation import InputError, truncation_is_known
from keras_attention.artifacts.precision_loss import Measure
from keras_attention.tasks.array_comparison import TOLERANCE, ArrayComparison

PAIRS = 1000  # of texts, whose similarities are ranked


class EmbeddingComparison(ArrayComparison):
    """Compares the vectors of texts with those of Keras.

    Differences are relative to the length of a vector that is longer than 1: see
    `ArrayComparison`. What a format in lower precision loses is measured by the order that it gives
    pairs of texts by their cosine similarity: Spearman's correlation with the order that Keras
    gives them, over all pairs of texts, or over 1,000 of them. A text agrees where the text nearest
    to it is the same one as with Keras.
    """

    measure = Measure(
        "points of rank correlation",
        {"float16": 0.1, "int8": 1.0},
        "three texts or more that are not all alike",
    )

    numbers = "vectors"

    def __init__(self, user, texts):
        if not len(texts):
            raise InputError("There is no text to compare the exported formats with Keras on.")
        super().__init__(user, texts)
        self._similarities = similarities(self.reference)
        self._pairs = some_pairs(self.count)
        self._found = {}

    def answers(self, user, texts):
        with truncation_is_known():
            return user.embed(texts)

    def keep(self, candidate, found):
        self._found[id(candidate)] = found

    def report(self, found):
        lengths = np.linalg.norm(self.reference, axis=1, keepdims=True)
        differences = np.abs(found - self.reference) / np.maximum(1, lengths)
        same, ties = self._nearest(similarities(found))
        return {
            "sentences": self.count,
            "agreement": float(same.mean()),
            "ties": int(ties.sum()),
            "largest_difference": float(differences.max()),
            "cosine": float(cosines(found, self.reference).mean()),
        }

    def _nearest(self, found):
        """Of each text whether its nearest one is Keras', and whether it is an equally near one."""
        if self.count < 2:
            return np.ones(1, bool), np.zeros(1, bool)
        alone = np.where(np.eye(self.count, dtype=bool), -np.inf, 0)
        expected = self._similarities + alone
        nearest = (found + alone).argmax(axis=1)
        same = nearest == expected.argmax(axis=1)
        chosen = np.take_along_axis(expected, nearest[:, None], axis=1)[:, 0]
        return same, ~same & (expected.max(axis=1) - chosen <= 2 * TOLERANCE)

    def scores(self, candidate=None):
        from keras_attention.training.correlations import spearman

        expected = self._similarities[self._pairs]
        found = expected
        if candidate is not None:
            found = similarities(self._found[id(candidate)])[self._pairs]
        value = spearman(found, expected) if len(expected) > 2 else None
        return None if value is None else {"spearman": value}

    def points(self, scores):
        return 100 * scores["spearman"]


def some_pairs(count, most=PAIRS):
    """The indices of different texts, two arrays: all pairs of `count` texts, or `most` of them."""
    first, second = np.triu_indices(count, 1)
    if len(first) > most:
        chosen = np.sort(np.random.default_rng(0).permutation(len(first))[:most])
        first, second = first[chosen], second[chosen]
    return first, second


def similarities(vectors):
    """The cosine similarity of each vector (N, D) with each: (N, N)."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.maximum(lengths, 1e-12)
    return unit @ unit.T


def cosines(first, second):
    """The cosine of each row of an array (N, D) with the same row of another; 1 of two zeros."""
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    both_zero = ~first.any(axis=1) & ~second.any(axis=1)
    return np.where(both_zero, 1.0, (first * second).sum(axis=1) / np.maximum(lengths, 1e-12))
