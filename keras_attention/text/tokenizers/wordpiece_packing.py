"""Rows of ids as BERT reads them: [CLS] text [SEP], or [CLS] text [SEP] other text [SEP]."""

import dataclasses

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Encoded:
    """Texts as lists, one a text.

    Attributes:
        token_ids: list of lists of ids, special ones included.
        segment_ids: list of lists of 0 (first text and its special tokens) and 1 (the second's).
        truncated: list of bool, whether the text, or the pair, was longer than the maximum.
    """

    token_ids: list
    segment_ids: list
    truncated: list


def pair_lengths(first, second, room):
    """The tokens that each of two texts keeps when both may have `room` together.

    The longer one gives way first. Where both do, they share the room, and the one that was longer
    (of equals the second) has the odd token: as the `tokenizers` package does it, not as the
    original BERT.

    Args:
        first: integers (B,), the tokens of the first texts.
        second: integers (B,), of the second ones.
        room: integer.

    Returns:
        Integers (B,) and (B,).

    >>> [lengths.numpy().tolist() for lengths in pair_lengths([9, 2, 5], [3, 9, 5], 7)]
    [[4, 2, 3], [3, 5, 4]]
    """
    first, second = tf.convert_to_tensor(first), tf.convert_to_tensor(second)
    shorter = tf.minimum(tf.minimum(first, second), room // 2)
    first_kept = tf.where(first <= second, shorter, room - shorter)
    fits = first + second <= room
    return tf.where(fits, first, first_kept), tf.where(fits, second, room - first_kept)


def pack_rows(first, second, max_length, start_id, end_id):
    """Rows with special tokens, truncated.

    Args:
        first: int32 RaggedTensor (B, None).
        second: the same of the second texts, or None.
        max_length: tokens of a row at most, special ones included.
        start_id: id of [CLS].
        end_id: id of [SEP].

    Returns:
        `(token_ids, segment_ids, truncated)`: int32 RaggedTensors (B, None), and bool (B,).
    """
    lengths = first.row_lengths()
    if second is None:
        room = tf.cast(max_length, lengths.dtype) - 2
        truncated = lengths > room
        rows = [_first_tokens(first, tf.minimum(lengths, room))]
    else:
        room = tf.cast(max_length, lengths.dtype) - 3
        others = second.row_lengths()
        truncated = lengths + others > room
        kept = pair_lengths(lengths, others, room)
        rows = [_first_tokens(first, kept[0]), _first_tokens(second, kept[1])]
    column = tf.ones_like(lengths, first.dtype)[:, tf.newaxis]  # (B, 1)
    token_ids, segment_ids = [column * start_id], [0 * column]
    for segment, row in enumerate(rows):
        token_ids += [row, column * end_id]
        segment_ids += [tf.zeros_like(row) + segment, column * segment]
    return tf.concat(token_ids, 1), tf.concat(segment_ids, 1), truncated


def _first_tokens(rows, lengths):
    """The first `lengths` (B,) tokens of each row."""
    starts = rows.row_starts()
    places = tf.ragged.range(starts, starts + lengths, row_splits_dtype=starts.dtype)
    return places.with_values(tf.gather(rows.values, places.values))
