"""Pure functions on logits and tokens: which may come next, which are best, where a row ends."""

import functools

import numpy as np
from keras import ops

from keras_attention._validation import require
from keras_attention.search_options import FORBIDDEN

GROUP = 100  # about the square root of the usual vocabulary, where the two searches cost the same


def allowed_logits(logits, position, forbidden_ids, end_ids=(), min_length=0):
    """Logits (R, V) in float32 in which a token that may not come next can never win.

    Args:
        logits: (R, V).
        position: scalar int32, how many tokens there are.
        forbidden_ids: the tokens that are never generated.
        end_ids: the tokens that end a sequence.
        min_length: integer, the tokens that come before an end at least.
    """
    # Added, not selected: to a product with constants the converters add it for nothing.
    logits = ops.cast(logits, "float32")
    if len(forbidden_ids):
        logits = logits + _forbidding(logits.shape[-1], forbidden_ids)
    if min_length and len(end_ids):
        end = _forbidding(logits.shape[-1], end_ids)
        logits = logits + end * ops.cast(position < min_length, "float32")
    return logits


def _forbidding(size, token_ids):
    """What takes `token_ids` out of `size` logits when it is added to them."""
    addend = np.zeros(size, "float32")
    addend[list(token_ids)] = FORBIDDEN
    return addend


def top_k(values, k):
    """The `k` largest of each row of `values`, largest first, the earlier of equal ones first.

    Args:
        values: (R, V) float32; V is static.
        k: integer, at most V.

    Returns:
        The values (R, k) and their indices (R, k) int32.

    The rows are cut into groups: what is among the `k` largest of a row lies in the `k` groups with
    the largest maxima. A maximum takes every runtime a small part of the time that it takes to sort
    as many numbers, so that only these groups are worth sorting.

    >>> top_k(np.array([[1.0, 3.0, 2.0]], "float32"), 2)
    ([[3.0, 2.0]], [[1, 2]])
    """
    size = values.shape[-1]
    width = group_width(size)
    if width is None or k * width >= size:
        best, index = ops.top_k(values, k)
        return best, ops.cast(index, "int32")
    count = size // width
    groups = ops.reshape(values, (-1, width))  # (R * count, width)
    largest = ops.reshape(ops.max(groups, axis=1), (-1, count))
    _, chosen = ops.top_k(largest, k)  # (R, k)
    chosen = ops.sort(ops.cast(chosen, "int32"), axis=1) if k > 1 else ops.cast(chosen, "int32")
    rows = ops.expand_dims(ops.arange(ops.shape(values)[0], dtype="int32"), 1)
    flat = ops.reshape(rows * count + chosen, (-1,))
    candidates = ops.take(groups, flat, axis=0)  # (R * k, width)
    best, place = ops.top_k(ops.reshape(candidates, (-1, k * width)), k)
    place = ops.cast(place, "int32")
    if k == 1:
        return best, chosen * width + place
    chosen = ops.take(ops.reshape(chosen, (-1,)), rows * k + place // width, axis=0)
    return best, chosen * width + place % width


def group_width(size):
    """The divisor of `size` next to `GROUP`, or None if there is none that is worth it."""
    divisors = [width for width in range(8, 8 * GROUP) if size % width == 0]
    return min(divisors, key=lambda width: abs(width - GROUP), default=None)


def log_normalizer(logits, largest):
    """log(sum(exp(logits))) of each row (R, 1): a logit less this is its log-probability.

    Args:
        logits: (R, V) float32.
        largest: (R, 1), the largest of each row, which is known wherever the best are.
    """
    total = ops.sum(ops.exp(logits - largest), axis=-1, keepdims=True)
    return largest + ops.log(total)


def is_end(token, end_ids):
    """Where `token`, integers of any shape, is one of `end_ids`: boolean, of the same shape.

    >>> is_end([5, 3, 7], (3, 7))  # [False, True, True]
    """
    if not len(end_ids):
        return ops.zeros(ops.shape(token), dtype="bool")
    return functools.reduce(ops.logical_or, [ops.equal(token, end) for end in end_ids])


def first_tokens(model, inputs, batch_size, beam_size=None):
    """The token that each row of `inputs` begins with: (B,), with `beam_size` K (B, K), int32.

    Args:
        model: anything with the step contract.
        inputs: what the model starts from.
        batch_size: B, an integer or a scalar tensor.
        beam_size: integer K, the hypotheses that begin alike.
    """
    tokens = model.first_tokens(inputs)
    shape = (batch_size,) if beam_size is None else (batch_size, beam_size)
    if isinstance(tokens, int):
        return ops.full(shape, tokens, dtype="int32")
    tokens = ops.cast(tokens, "int32")
    return tokens if beam_size is None else ops.repeat(tokens[:, None], beam_size, axis=1)


def require_alignment(model, state):
    """Raises `ValueError` unless a model's state, from `start`, says what it attends to."""
    require(
        isinstance(state, dict) and "alignment" in state,
        "return_alignment` and `coverage_penalty",
        'False and 0 for a model whose state has no entry "alignment"',
        model=type(model).__name__,
    )
