"""Stop sequences: sequences of tokens after which a row ends."""

import functools

import numpy as np
from keras import ops

from keras_attention._validation import require
from keras_attention.decoding.next_tokens import require_ids

NOTHING = -1  # in the place of tokens before the first one: no token has this id


def require_stops(stops, size=None):
    """Raises `ValueError` unless `stops` are sequences of ids of a vocabulary, none of them empty.

    Args:
        stops: a sequence of sequences of integers.
        size: number V of tokens, or None where it is not known.
    """
    for stop in stops:
        require(len(stop) > 0, "stops", "sequences of one id or more", stops=tuple(stops))
        require_ids("stops", stop, size)


def no_tokens(stops, *rows):
    """The last tokens of rows that have emitted none: int32 (*rows, L), L that of the longest stop.

    Args:
        stops: sequences of ids.
        *rows: sizes.
    """
    return ops.full((*rows, max(map(len, stops))), NOTHING, dtype="int32")


def followed_by(recent, token):
    """The last tokens (..., L) of rows when `token` (...) has followed `recent` (..., L)."""
    return ops.concatenate([recent[..., 1:], ops.expand_dims(token, -1)], axis=-1)


def is_stop(recent, stops):
    """Whether the last tokens (..., L) of a row end with one of the `stops`: boolean (...)."""
    length = recent.shape[-1]
    found = [
        ops.all(ops.equal(recent[..., length - len(stop) :], np.array(stop, "int32")), axis=-1)
        for stop in stops
    ]
    return functools.reduce(ops.logical_or, found)
