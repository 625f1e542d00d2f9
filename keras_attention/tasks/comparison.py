"""How the answers of a Keras model and of its formats are compared."""

# What the examples of an export are, in words: the run's own, or those that are always at hand.
OWN_TEXTS = "the run's validation data"
BUILT_IN_TEXTS = "phrases of the built-in corpus"


class Comparison:
    """How the answers of a Keras model and of one format of it are compared and scored.

    Attributes:
        measure: the `precision_loss.Measure` of what a lower precision loses; None where it is
            bounded by nothing but `check`.
        count: number of examples.
    """

    measure = None
    count = 0

    def compared(self, lower):
        """How many examples are compared; `lower` says whether the format is below float32."""
        return self.count

    def check(self, candidate, name, lower):
        """Compares a format with Keras.

        Args:
            candidate: the object of `Task.open`.
            name: of the format, for messages.
            lower: whether it is in lower precision.

        Returns:
            A list of reports, dicts of JSON values with an "agreement".

        Raises:
            ParityError: if the format is wrong.
        """
        raise NotImplementedError

    def scores(self, candidate=None):
        """The scores of a format, or of Keras where it is None; None if nothing is expected."""
        return None

    def points(self, scores):
        """`scores` as one number, in the unit of `measure`."""
        raise NotImplementedError
