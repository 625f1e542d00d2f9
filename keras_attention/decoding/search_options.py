"""How a translator decodes, as one value that configs and manifests keep."""

import dataclasses

from keras_attention._validation import require, require_positive_integer
from keras_attention.decoding.beam_search import beam_search
from keras_attention.decoding.greedy_search import greedy_search


@dataclasses.dataclass(frozen=True)
class SearchOptions:
    """Greedy search, or beam search with its penalties: see `beam_search` for each option.

    Raises:
        ValueError: if one is out of range.

    >>> SearchOptions(beam_size=4, length_penalty=0.6).search(model, ids)["token_ids"]
    """

    beam_size: int = 1
    length_penalty: float = 0.0
    coverage_penalty: float = 0.0
    n_best: int = 1
    min_length: int = 0
    max_length: int | None = None

    def __post_init__(self):
        for name in ("beam_size", "n_best"):
            require_positive_integer(name, getattr(self, name))
        if self.max_length is not None:
            require_positive_integer("max_length", self.max_length)
        for name in ("length_penalty", "coverage_penalty", "min_length"):
            value = getattr(self, name)
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            require(is_number and value >= 0, name, "a number of at least 0", **{name: value})
        require(isinstance(self.min_length, int), "min_length", "an integer", received=self)
        require(
            self.n_best <= self.beam_size,
            "n_best",
            "at most `beam_size`",
            n_best=self.n_best,
            beam_size=self.beam_size,
        )

    @property
    def is_greedy(self):
        """Whether these are the options of greedy search."""
        return self.beam_size == 1 and not self.length_penalty and not self.coverage_penalty

    def search(self, model, source_ids, return_alignment=False):
        """Decodes `source_ids` (B, S) with `model`: see `greedy_search` and `beam_search`."""
        if self.is_greedy:
            return greedy_search(
                model, source_ids, self.max_length, self.min_length, return_alignment
            )
        return beam_search(
            model, source_ids, **dataclasses.asdict(self), return_alignment=return_alignment
        )

    def to_dict(self):
        """A dict of JSON values, from which `SearchOptions(**dict)` makes an equal one."""
        return dataclasses.asdict(self)


GREEDY = SearchOptions()
