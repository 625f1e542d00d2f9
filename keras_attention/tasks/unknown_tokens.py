"""How many tokens of texts a vocabulary does not know."""


class UnknownTokens:
    """Counts the unknown tokens of the texts that a model has read.

    Attributes:
        count: of unknown tokens.
        total: of all tokens, special ones included.

    >>> unknown = UnknownTokens()
    >>> unknown.add([[2, 7, 1, 3], [2, 1, 3]], 1)
    >>> unknown.sentence()
    '2 of 7 tokens (28.6%) are unknown to the vocabulary; what they stand for is not read.'
    """

    def __init__(self):
        self.count = self.total = 0

    def add(self, rows, unknown):
        """Counts those in rows of ids; `unknown` is their id, or None where there is none."""
        self.total += sum(map(len, rows))
        if unknown is not None:
            self.count += sum(row.count(unknown) for row in rows)

    def sentence(self, what="tokens"):
        """How many there were; "" of none."""
        if not self.count:
            return ""
        return (
            f"{self.count:,} of {self.total:,} {what} ({self.count / self.total:.1%}) are unknown "
            "to the vocabulary; what they stand for is not read."
        )


def say_unknown(rows, unknown, say):
    """Tells `say`, unless it is None, how many tokens of the training texts are unknown."""
    counted = UnknownTokens()
    counted.add(rows, unknown)
    if say is not None and counted.count:
        say(f"Of the training texts {counted.sentence()}")
