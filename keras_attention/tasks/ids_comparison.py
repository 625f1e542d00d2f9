"""How formats are compared with Keras whose outputs are hidden states or logits of tokens."""

import numpy as np

from keras_attention._validation import truncation_is_known
from keras_attention.tasks.array_comparison import ArrayComparison


class IdsComparison(ArrayComparison):
    """Compares the arrays of texts with those of Keras.

    Differences are relative to the largest number of a text: see `ArrayComparison`. A text
    agrees where the largest number of every row stands in the same column.
    """

    numbers = "numbers, in parts of the largest one,"

    def answers(self, user, texts):
        with truncation_is_known():
            return user.outputs(texts)

    def report(self, found):
        pairs = list(zip(found, self.reference, strict=True))
        same = [bool((a.argmax(-1) == b.argmax(-1)).all()) for a, b in pairs]
        differences = [np.abs(a - b).max() / max(1e-6, np.abs(b).max()) for a, b in pairs]
        return {
            "sentences": self.count,
            "agreement": float(np.mean(same)),
            "ties": 0,
            "largest_difference": float(np.max(differences)),
            "cosine": float(np.mean([_cosine(a, b) for a, b in pairs])),
        }


def _cosine(a, b):
    """The mean cosine of the rows of two arrays (T, D)."""
    norms = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    return float(((a * b).sum(-1) / np.maximum(norms, 1e-12)).mean())
