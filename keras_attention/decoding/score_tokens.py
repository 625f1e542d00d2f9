"""The log-probabilities of given tokens, without the logits of all of them at once."""

from keras import ops

from keras_attention.decoding.next_tokens import log_normalizer
from keras_attention.graph.loops import fori_loop
from keras_attention.layers.attention_cache import cache_slots

CHUNK = 128  # positions of which there are logits at once


def score_tokens(model, token_ids, lengths):
    """What a language model gives each token after those before it.

    Args:
        model: a `keras_attention.models.LanguageModel`.
        token_ids: (B, T) int32, filled at the end by anything.
        lengths: (B,) int32, the tokens of each row.

    Returns:
        Log-probabilities (B, T) float32; 0 in the first column, which follows nothing, and behind a
        row's end.

    >>> score_tokens(model, [[5, 3, 7]], [3])  # 0, log p(3 | 5), log p(7 | 5, 3)
    """
    token_ids = ops.cast(token_ids, "int32")
    batch_size, width = ops.shape(token_ids)
    cache = model.empty_cache(batch_size, width)
    features, _ = model.read(token_ids, cache, cache_slots(cache[0], 0, length=width))  # (B, T, D)
    count = (width + CHUNK - 1) // CHUNK
    # Column t of `following` is the token after t.
    following = token_ids[:, 1:]
    missing = count * CHUNK - width
    features = _chunks(features, missing, count)  # (count, B, CHUNK, D)
    following = _chunks(ops.expand_dims(following, 2), missing + 1, count)  # (count, B, CHUNK, 1)
    numbers = ops.reshape(ops.arange(count, dtype="int32"), (-1, 1, 1, 1))

    def body(index, found):
        logits = ops.cast(model.project(ops.take(features, index, axis=0)), "float32")
        chosen = ops.take_along_axis(logits, ops.take(following, index, axis=0), axis=-1)
        largest = ops.max(logits, axis=-1, keepdims=True)
        scores = chosen - log_normalizer(logits, largest)  # (B, CHUNK, 1)
        return ops.where(numbers == index, ops.expand_dims(scores, 0), found)

    found = fori_loop(count, body, ops.zeros(ops.shape(following), "float32"))
    found = ops.reshape(ops.transpose(found, (1, 0, 2, 3)), (batch_size, count * CHUNK))
    return _behind_the_first(found[:, : width - 1], lengths)


def scores_of_logits(logits, token_ids, lengths):
    """As `score_tokens`, of all logits (B, T, V) of the same tokens."""
    token_ids, logits = ops.cast(token_ids, "int32"), ops.cast(logits, "float32")[:, :-1]
    chosen = ops.take_along_axis(logits, ops.expand_dims(token_ids[:, 1:], 2), axis=-1)
    largest = ops.max(logits, axis=-1, keepdims=True)
    return _behind_the_first(ops.squeeze(chosen - log_normalizer(logits, largest), 2), lengths)


def _behind_the_first(scores, lengths):
    """The scores (B, T - 1) of all tokens but the first, as those of all (B, T)."""
    batch_size, width = ops.shape(scores)
    scores = ops.concatenate([ops.zeros((batch_size, 1), "float32"), scores], axis=1)
    inside = ops.arange(width + 1, dtype="int32") < ops.expand_dims(ops.cast(lengths, "int32"), 1)
    return ops.where(inside, scores, 0.0)


def _chunks(rows, missing, count):
    """(B, T, D) with `missing` rows of zeros behind, as (count, B, CHUNK, D)."""
    batch_size, _, width = ops.shape(rows)
    filling = ops.zeros((batch_size, missing, width), dtype=rows.dtype)
    rows = ops.concatenate([rows, filling], axis=1)
    rows = ops.reshape(rows, (batch_size, count, CHUNK, width))
    return ops.transpose(rows, (1, 0, 2, 3))
