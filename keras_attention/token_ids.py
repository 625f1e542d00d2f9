"""The ids of a vocabulary that stand for no piece of text, and rows that are padded with one."""

import dataclasses

import numpy as np

from keras_attention._validation import require


@dataclasses.dataclass(frozen=True)
class SpecialIds:
    """The special ids of one vocabulary. A model, a loss and an artifact say theirs with it.

    No id is reserved for everybody: a vocabulary without such a token has None in its place. GPT-2
    has words at 0 and 2, and one special id, which ends a text.

    Args:
        padding: fills rows to equal length.
        unknown: stands for what the vocabulary cannot spell.
        start: comes first in what a decoder reads.
        end: ends a sequence; a tuple where each of several ids does.

    Raises:
        ValueError: if an id is not an integer of at least 0.

    >>> SpecialIds(padding=None, unknown=None, start=None, end=50256).ends
    (50256,)
    """

    padding: int | None = 0
    unknown: int | None = 1
    start: int | None = 2
    end: int | tuple[int, ...] | None = 3

    def __post_init__(self):
        if isinstance(self.end, (list, tuple)):  # JSON has lists
            object.__setattr__(self, "end", tuple(map(_as_int, self.end)))
        for name in ("padding", "unknown", "start", "end"):
            object.__setattr__(self, name, _as_int(getattr(self, name)))
        ids = {"padding": self.padding, "unknown": self.unknown, "start": self.start}
        for name, value in (*ids.items(), *(("end", end) for end in self.ends)):
            require(
                value is None or _is_id(value),
                name,
                "an integer of at least 0, or None",
                **{name: value},
            )

    @property
    def ends(self):
        """The ids that end a sequence, as a tuple."""
        if isinstance(self.end, tuple):
            return self.end
        return () if self.end is None else (self.end,)

    @property
    def fill(self):
        """What stands behind the end of a generated row: padding, else an end, else 0."""
        if self.padding is not None:
            return self.padding
        return self.ends[0] if self.ends else 0

    def to_dict(self):
        """A dict of JSON values, from which `SpecialIds.of` makes an equal one."""
        end = list(self.end) if isinstance(self.end, tuple) else self.end
        return {**dataclasses.asdict(self), "end": end}

    @classmethod
    def of(cls, value):
        """`SpecialIds` from one, from a dict of `to_dict`, or the default ones from None.

        Raises:
            ValueError: if `value` is something else, or an id is out of range.
        """
        if value is None:
            return cls()
        if isinstance(value, cls):
            return value
        names = {field.name for field in dataclasses.fields(cls)}
        require(
            isinstance(value, dict) and set(value) <= names,
            "special_ids",
            f"a `SpecialIds` or a dict of some of {', '.join(sorted(names))}",
            special_ids=value,
        )
        return cls(**value)


def _as_int(value):
    """A NumPy integer, as `np.argmax` gives one, as the integer that JSON can hold."""
    return int(value) if isinstance(value, np.integer) else value


def _is_id(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def as_ids(name, values):
    """A tuple of Python integers from a list, a tuple or an array of ids.

    Args:
        name: of the argument, for the message.
        values: what was given.

    Raises:
        ValueError: if it is something else, or a member is not an integer of at least 0.

    >>> as_ids("forbidden_ids", np.array([0, 2]))
    (0, 2)
    """
    is_list = isinstance(values, (list, tuple)) or (
        isinstance(values, np.ndarray) and values.ndim == 1
    )
    ids = tuple(map(_as_int, values)) if is_list else ()
    require(
        is_list and all(map(_is_id, ids)),
        name,
        "a list of integers of at least 0",
        **{name: values},
    )
    return ids


def pad(rows, length=None, value=0):
    """(N, longest) int32 from lists of ids, padded with `value` at the end.

    >>> pad([[5, 3], [7]])
    array([[5, 3],
           [7, 0]], dtype=int32)
    """
    length = max(map(len, rows), default=0) if length is None else length
    padded = np.full((len(rows), length), value, dtype=np.int32)
    for padded_row, row in zip(padded, rows, strict=True):
        padded_row[: len(row)] = row
    return padded
