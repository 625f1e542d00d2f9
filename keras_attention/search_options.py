"""How a translator decodes, as one value that configs and manifests keep."""

import dataclasses

from keras_attention._validation import InputError, require, require_positive_integer

FORBIDDEN = -1e9  # the logit of a token that may not come, the score of an empty slot
IMPOSSIBLE = FORBIDDEN / 2  # what is lower holds something forbidden


@dataclasses.dataclass(frozen=True)
class SearchOptions:
    """Greedy search, or beam search with its penalties: see `decoding.beam_search` for each.

    Raises:
        ValueError: if one is out of range.

    >>> search(model, ids, SearchOptions(beam_size=4, length_penalty=0.6))["token_ids"]
    """

    beam_size: int = 1
    length_penalty: float = 0.0
    coverage_penalty: float = 0.0
    n_best: int = 1
    min_length: int = 0
    max_length: int | None = None

    def __post_init__(self):
        require_search(self.beam_size, self.length_penalty, self.coverage_penalty, self.n_best)
        if self.max_length is not None:
            require_positive_integer("max_length", self.max_length)
        require(
            isinstance(self.min_length, int) and self.min_length >= 0,
            "min_length",
            "an integer of at least 0",
            min_length=self.min_length,
        )

    @classmethod
    def require_names(cls, names, where=""):
        """Raises `InputError` if one of `names` is not a field; the message begins with `where`."""
        fields = [field.name for field in dataclasses.fields(cls)]
        unknown = [name for name in names if name not in fields]
        if unknown:
            raise InputError(
                f"{where}Unknown decoding option {unknown[0]!r}; expected some of "
                f"{', '.join(fields)}."
            )

    @property
    def is_greedy(self):
        """Whether these are the options of greedy search."""
        return self.beam_size == 1 and not self.length_penalty and not self.coverage_penalty

    def to_dict(self):
        """A dict of JSON values, from which `SearchOptions(**dict)` makes an equal one."""
        return dataclasses.asdict(self)


def require_search(beam_size, length_penalty, coverage_penalty, n_best):
    """Raises `ValueError` unless these are options of `beam_search`."""
    require_positive_integer("beam_size", beam_size)
    require_positive_integer("n_best", n_best)
    require(
        n_best <= beam_size, "n_best", "at most `beam_size`", n_best=n_best, beam_size=beam_size
    )
    for name, value in (
        ("length_penalty", length_penalty),
        ("coverage_penalty", coverage_penalty),
    ):
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        require(is_number and value >= 0, name, "a number of at least 0", **{name: value})


GREEDY = SearchOptions()
