"""How formats are compared with Keras whose answers are arrays of numbers."""

import time

from keras_attention.artifacts.parity import BATCH_SIZES, ParityError
from keras_attention.tasks.comparison import Comparison

TOLERANCE = 1e-4  # of a number in float32
SANE = 0.9  # the cosine that a format in lower precision must have with Keras on average


class ArrayComparison(Comparison):
    """Compares the arrays that a format gives texts with those of Keras; not used by itself.

    Every number of a float32 format must be Keras' to 1e-4 of what `report` relates differences to.
    A format in lower precision must point in nearly the same direction; its reports say how nearly
    ("cosine").

    A subclass provides `answers` and `report`.

    Args:
        user: the object in Keras.
        texts: list of strings.

    Attributes:
        texts: these.
        reference: what Keras answers.
        numbers: what the numbers of a report are, in a message.
    """

    numbers = "numbers"

    def __init__(self, user, texts):
        self.texts = texts
        self.reference = self.answers(user, texts)
        self.count = len(texts)

    def answers(self, user, texts):
        """The arrays of texts, of Keras or of a format."""
        raise NotImplementedError

    def report(self, found):
        """A dict of JSON values of what a format has answered: "sentences", "agreement", "ties",
        "largest_difference" and "cosine"."""
        raise NotImplementedError

    def keep(self, candidate, found):
        """Keeps the answers of a format for `scores`."""

    def check(self, candidate, name, lower):
        reports = []
        for size in BATCH_SIZES:
            candidate.batch_size = size
            self.answers(candidate, self.texts[:1])  # the first call allocates
            started = time.perf_counter()
            found = self.answers(candidate, self.texts)
            milliseconds = 1000 * (time.perf_counter() - started) / self.count
            report = {**self.report(found), "milliseconds_per_sentence": milliseconds}
            reports.append({**report, "batch_size": size})
            # Written so that what is not a number agrees with nothing.
            if lower:
                is_right = report["cosine"] >= SANE
            else:
                is_right = report["largest_difference"] <= TOLERANCE
            if not is_right:
                raise ParityError(
                    f"{name} does not agree with Keras: the {self.numbers} of {self.count} texts "
                    f"differ by up to {report['largest_difference']:.2g}; the mean cosine is "
                    f"{report['cosine']:.4f}."
                )
        self.keep(candidate, found)
        return reports
