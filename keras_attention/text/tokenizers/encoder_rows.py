"""The rows that encoders read: special tokens around the ids of a text, or of a pair of texts."""

import dataclasses

import numpy as np

from keras_attention._validation import require, require_texts
from keras_attention.token_ids import pad


@dataclasses.dataclass(frozen=True)
class Encoded:
    """The ids of texts, as lists with one entry a text.

    Attributes:
        token_ids: list of lists of ids, special ones included.
        segment_ids: list of lists of 0 (first text and its special tokens) and 1 (second text).
        truncated: list of bool, whether the text, or the pair, had more tokens than the maximum.
    """

    token_ids: list
    segment_ids: list
    truncated: list


def encode_rows(text_ids, texts, pairs, max_length, start_id, end_id):
    """The ids of texts, or of pairs of texts, as lists.

    A row is [CLS] text [SEP], or [CLS] text [SEP] other text [SEP].

    Args:
        text_ids: function from a string to the list of its ids, without special tokens.
        texts: list of B strings.
        pairs: list of B strings, the second texts; None where there are none.
        max_length: maximum number of tokens in a row. Of a pair that has more, the longer text is
            cut.
        start_id, end_id: ids of [CLS] and [SEP].

    Returns:
        `Encoded`.
    """
    require_texts("texts", texts)
    if pairs is not None:
        require_texts("pairs", pairs)
        both = {"texts": len(texts), "pairs": len(pairs)}
        require(len(texts) == len(pairs), "pairs", "as many as `texts`", **both)
    require_room(max_length, pairs is not None)
    encoded, start, end = Encoded([], [], []), [start_id], [end_id]
    for index, text in enumerate(texts):
        first = text_ids(text)
        if pairs is None:
            room = max_length - 2
            row = start + first[:room] + end
            segments, is_cut = [0] * len(row), len(first) > room
        else:
            room, second = max_length - 3, text_ids(pairs[index])
            kept, kept_second = pair_lengths(len(first), len(second), room)
            row = start + first[:kept] + end + second[:kept_second] + end
            segments = [0] * (kept + 2) + [1] * (kept_second + 1)
            is_cut = len(first) + len(second) > room
        encoded.token_ids.append(row)
        encoded.segment_ids.append(segments)
        encoded.truncated.append(is_cut)
    return encoded


def pack_rows(encoded, padding_id):
    """`Encoded` rows as arrays with padding: a dict of int32 (B, T), T the longest row."""
    token_ids = pad(encoded.token_ids, value=padding_id)
    lengths = np.array([len(row) for row in encoded.token_ids], int)
    return {
        "token_ids": token_ids,
        "segment_ids": pad(encoded.segment_ids, value=0),
        "padding_mask": (np.arange(token_ids.shape[1]) < lengths[:, None]).astype(np.int32),
    }


def require_room(max_length, has_pairs):
    """Makes sure that the special tokens fit into a row of `max_length`."""
    least = 3 if has_pairs else 2
    require(
        isinstance(max_length, int) and max_length >= least,
        "max_length",
        f"an integer of at least {least}, the special tokens",
        max_length=max_length,
    )


def pair_lengths(first, second, room):
    """The tokens that each of two texts keeps when both together may have `room`.

    The longer text is cut first. Where both are cut they share the room, and the text that was
    longer gets the odd token, the second one of equals. The `tokenizers` package does so; the
    original BERT does not.

    Args:
        first: integer, the tokens of the first text.
        second: integer, the tokens of the second.
        room: integer.

    >>> pair_lengths(9, 3, 7), pair_lengths(2, 9, 7), pair_lengths(5, 5, 7)
    ((4, 3), (2, 5), (3, 4))
    """
    if first + second <= room:
        return first, second
    shorter = min(first, second, room // 2)
    return (shorter, room - shorter) if first <= second else (room - shorter, shorter)
