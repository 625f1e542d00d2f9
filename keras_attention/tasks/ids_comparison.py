"""How formats are compared with Keras whose outputs are hidden states or logits of tokens."""

import time

import numpy as np

from keras_attention._validation import truncation_is_known
from keras_attention.artifacts.parity import BATCH_SIZES, ParityError
from keras_attention.tasks.comparison import Comparison

TOLERANCE = 1e-4  # of a number in float32, relative to the largest one of its text
SANE = 0.9  # the cosine that a format in lower precision must have with Keras on average


class IdsComparison(Comparison):
    """Compares the arrays of texts with those of Keras.

    Every number of a float32 format must be Keras' to 1e-4 of the largest one. A format in lower
    precision must point in nearly the same direction; its reports say how nearly ("cosine"). A text
    agrees where the largest number of every row stands in the same column.
    """

    def __init__(self, user, texts):
        self._texts = texts
        self._reference = _outputs(user, texts)
        self.count = len(texts)

    def check(self, candidate, name, lower):
        reports = []
        for size in BATCH_SIZES:
            candidate.batch_size = size
            _outputs(candidate, self._texts[:1])  # the first call allocates
            started = time.perf_counter()
            found = _outputs(candidate, self._texts)
            milliseconds = 1000 * (time.perf_counter() - started) / self.count
            report = {**self._report(found), "milliseconds_per_sentence": milliseconds}
            reports.append({**report, "batch_size": size})
            # Written so that what is not a number agrees with nothing.
            if lower:
                is_right = report["cosine"] >= SANE
            else:
                is_right = report["largest_difference"] <= TOLERANCE
            if not is_right:
                raise ParityError(
                    f"{name} does not agree with Keras: of {self.count} texts numbers differ by up "
                    f"to {report['largest_difference']:.2g} of the largest one; the mean cosine is "
                    f"{report['cosine']:.4f}."
                )
        return reports

    def _report(self, found):
        pairs = list(zip(found, self._reference, strict=True))
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


def _outputs(model, texts):
    with truncation_is_known():
        return model.outputs(texts)
