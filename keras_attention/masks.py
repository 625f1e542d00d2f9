"""Pure functions on boolean masks, True meaning "may be attended to", and the softmax under one.

Shapes: B batch, T target (query) length, S source (key) length.
"""

import keras
from keras import ops

from keras_attention.keras_private import mask_of


def padding_mask(token_ids, padding_id):
    """True where `token_ids` (B, S) holds a token, False where it holds `padding_id`.

    >>> padding_mask([[5, 6, 0]], 0)  # [[True, True, False]]
    """
    return ops.not_equal(token_ids, padding_id)


def length_mask(lengths, max_length):
    """True at the first `lengths` (B,) of `max_length` positions: (B, max_length).

    >>> length_mask([2, 0], 3)  # [[True, True, False], [False, False, False]]
    """
    positions = ops.arange(max_length, dtype="int32")
    return ops.expand_dims(positions, 0) < ops.expand_dims(ops.cast(lengths, "int32"), 1)


def causal_mask(target_length, source_length=None, start_index=0):
    """(T, S) mask in which query `start_index + i` sees the keys up to its own position.

    >>> causal_mask(2)  # [[True, False], [True, True]]
    """
    source_length = target_length if source_length is None else source_length
    rows = ops.arange(target_length, dtype="int32") + start_index
    columns = ops.arange(source_length, dtype="int32")
    return ops.expand_dims(rows, 1) >= ops.expand_dims(columns, 0)


def window_mask(query_positions, key_positions, size):
    """True where a key is fewer than `size` positions away, before or after.

    Args:
        query_positions: (T,) or (B, T) int32.
        key_positions: (S,) or (B, S) int32.
        size: integer above 0.

    Returns:
        (T, S), or (B, T, S) if either has rows.

    >>> window_mask(np.arange(3), np.arange(3), 2)[0]  # [True, True, False]
    """
    distances = ops.expand_dims(query_positions, -1) - ops.expand_dims(key_positions, -2)
    return ops.abs(distances) < size


def segment_mask(query_segments, key_segments):
    """True (B, T, S) where a query (B, T) and a key (B, S) are of one segment.

    >>> segment_mask(np.array([[0, 0, 1]]), np.array([[0, 0, 1]]))[0, 2]  # [False, False, True]
    """
    return ops.equal(ops.expand_dims(query_segments, 2), ops.expand_dims(key_segments, 1))


def segment_positions(segment_ids):
    """The position of every token in its own segment: (B, T) int32.

    Args:
        segment_ids: integer (B, T); each segment is a run of one number.

    >>> segment_positions(np.array([[4, 4, 4, 7, 7, 4]]))  # [[0, 1, 2, 0, 1, 0]]
    """
    segment_ids = ops.convert_to_tensor(segment_ids)
    positions = ops.expand_dims(ops.arange(ops.shape(segment_ids)[1], dtype="int32"), 0)
    begins = ops.not_equal(segment_ids[:, 1:], segment_ids[:, :-1])
    begins = ops.concatenate([ops.ones_like(segment_ids[:, :1], dtype="bool"), begins], axis=1)
    number = ops.cumsum(ops.cast(begins, "int32"), axis=1) - 1  # of each token's segment
    # Where the segments begin, in order, and behind them what is no position.
    first = ops.sort(ops.where(begins, positions, ops.shape(segment_ids)[1]), axis=1)
    return positions - ops.take_along_axis(first, number, axis=1)


def implicit_mask(tensor):
    """The mask that a stock layer left, as `Embedding(mask_zero=True)` does, or None."""
    return mask_of(tensor)


def combine(*masks):
    """The logical AND of all masks that are not None (broadcast), or None if none is given."""
    combined = None
    for mask in masks:
        if mask is not None:
            mask = ops.cast(mask, "bool")
            combined = mask if combined is None else ops.logical_and(combined, mask)
    return combined


def combine_pairs(*masks):
    """The logical AND of masks of pairs (T, S), (B, T, S) or (B, H, T, S) that are not None.

    Where one has an axis H, those with B alone get it too, so that B never meets H.
    """
    masks = [ops.convert_to_tensor(mask) for mask in masks if mask is not None]
    rank = max((len(mask.shape) for mask in masks), default=0)
    return combine(
        *(ops.expand_dims(mask, 1) if len(mask.shape) == 3 < rank else mask for mask in masks)
    )


def attention_mask(query_mask=None, value_mask=None, key_mask=None, attention_mask=None):
    """One mask of pairs from masks of tokens and a mask of pairs.

    Args:
        query_mask: (B, T).
        value_mask: (B, S).
        key_mask: (B, S).
        attention_mask: broadcasts to (T, S), (B, T, S) or (B, H, T, S).

    Returns:
        What broadcasts to (B, T, S), or to (B, H, T, S) if `attention_mask` has heads; None if no
        mask is given.
    """
    if isinstance(attention_mask, (list, tuple)):
        attention_mask = ops.convert_to_tensor(attention_mask)
    if attention_mask is not None and len(attention_mask.shape) == 2:
        attention_mask = ops.expand_dims(attention_mask, 0)  # (1, T, S)
    return combine_pairs(
        None if query_mask is None else ops.expand_dims(query_mask, 2),  # (B, T, 1)
        None if value_mask is None else ops.expand_dims(value_mask, 1),  # (B, 1, S)
        None if key_mask is None else ops.expand_dims(key_mask, 1),  # (B, 1, S)
        attention_mask,
    )


def fill_value(dtype):
    """What a forbidden score becomes: -1e9 overflows float16, so there -3e4."""
    return -3e4 if dtype == "float16" else -1e9


def row_may_attend(mask):
    """True (..., T, 1) for each query row of `mask` (..., T, S) that may attend to anything."""
    return ops.any(mask, axis=-1, keepdims=True)


def masked_softmax(logits, mask=None):
    """The softmax over the last axis, computed in float32, of what `mask` allows.

    Args:
        logits: (..., T, S).
        mask: boolean, broadcasts to (..., T, S). A row without any True has no meaning: the
            layer zeroes it.

    Returns:
        (..., T, S) in the dtype of `logits`.
    """
    dtype = keras.backend.standardize_dtype(logits.dtype)
    if mask is not None:
        # Added, not selected: every runtime does that faster.
        logits = logits + ops.cast(ops.logical_not(mask), dtype) * fill_value(dtype)
    # `ops.softmax` warns of one, where a source of one token is nothing odd, and JAX takes no
    # maximum of none.
    if logits.shape[-1] in (0, 1):
        return ops.exp(logits - logits)
    return ops.cast(ops.softmax(ops.cast(logits, "float32")), dtype)


def masked_mean(inputs, mask):
    """The mean over the positions that `mask` (B, T) allows of `inputs` (B, T, D): (B, D).

    Computed in float32. A row without any is zeros.

    >>> masked_mean([[[1.0], [3.0], [8.0]]], [[True, True, False]])  # [[2.0]]
    """
    inputs = ops.convert_to_tensor(inputs)
    weights = ops.expand_dims(ops.cast(mask, "float32"), -1)  # (B, T, 1)
    total = ops.sum(ops.cast(inputs, "float32") * weights, axis=1)
    count = ops.maximum(ops.sum(weights, axis=1), 1.0)
    return ops.cast(total / count, keras.backend.standardize_dtype(inputs.dtype))


def masked_max(inputs, mask):
    """The maximum over the positions that `mask` (B, T) allows of `inputs` (B, T, D): (B, D).

    A row without any is zeros.

    >>> masked_max([[[1.0], [3.0], [8.0]]], [[True, True, False]])  # [[3.0]]
    """
    inputs = ops.convert_to_tensor(inputs)
    mask = ops.expand_dims(ops.cast(mask, "bool"), -1)  # (B, T, 1)
    lowest = fill_value(keras.backend.standardize_dtype(inputs.dtype))
    greatest = ops.max(ops.where(mask, inputs, lowest), axis=1)
    return ops.where(ops.any(mask, axis=1), greatest, ops.zeros_like(greatest))


def first_token(inputs, mask=None):
    """The first position of `inputs` (B, T, D), such as [CLS]: (B, D).

    A row without positions is zeros, and so is one whose first position `mask` (B, T) leaves out.

    >>> first_token([[[1.0], [3.0]]], [[True, False]])  # [[1.0]]
    """
    inputs = ops.convert_to_tensor(inputs)[:, :1]
    if mask is not None:
        inputs = inputs * ops.cast(ops.expand_dims(mask, -1)[:, :1], inputs.dtype)
    # A sum of at most one, so that a text without tokens has an answer too.
    return ops.sum(inputs, axis=1)
