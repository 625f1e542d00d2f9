"""Pure functions on logits and tokens: which may come next, which are best, where a row ends."""

import functools
import numbers

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

    Raises:
        ValueError: if one of the ids is not in the vocabulary.
    """
    require_ids("forbidden_ids", forbidden_ids, logits.shape[-1])
    require_ids("special_ids", end_ids, logits.shape[-1])
    # Added, not selected: to a product with constants the converters add it for nothing.
    logits = ops.cast(logits, "float32")
    if len(forbidden_ids):
        logits = logits + _forbidding(logits, forbidden_ids)
    if min_length and len(end_ids):
        end = _forbidding(logits, end_ids)
        logits = logits + end * ops.cast(position < min_length, "float32")
    return logits


def require_ids(name, token_ids, size):
    """Raises `ValueError` unless `token_ids` are of a vocabulary of `size`, or of any size: None.

    NumPy would take -1 for the last token.

    Args:
        name: of the model's attribute, for the message.
        token_ids: a sequence of integers.
        size: integer V, or None where it is dynamic.
    """
    expected = "ids of the vocabulary"
    expected += " from 0 on" if size is None else f", from 0 to {size - 1}"
    for token_id in token_ids:
        in_range = 0 <= token_id and (size is None or token_id < size)
        require(in_range, name, expected, **{name: tuple(token_ids)})


def _forbidding(logits, token_ids):
    """What takes `token_ids` out of logits (R, V) when it is added to them: (V,)."""
    size = logits.shape[-1]
    if size is None:
        numbers = ops.arange(ops.shape(logits)[-1], dtype="int32")
        return ops.where(is_end(numbers, token_ids), FORBIDDEN, 0.0)
    addend = np.zeros(size, "float32")
    addend[list(token_ids)] = FORBIDDEN
    return addend


def top_k(values, k):
    """The `k` largest of each row of `values`, largest first, the earlier of equal ones first.

    Args:
        values: (R, V) float32; grouped where V is static.
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
    width = None if size is None else group_width(size)
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
    if isinstance(tokens, numbers.Integral):  # NumPy's too
        tokens = int(tokens)
        return ops.full(shape, tokens, dtype="int32")
    tokens = ops.cast(tokens, "int32")
    return tokens if beam_size is None else ops.repeat(tokens[:, None], beam_size, axis=1)


def require_alignment(model, state, option):
    """Raises `ValueError` unless a model's state, from `start`, says what it attends to.

    Args:
        model: anything with the step contract.
        state: what its `start` gives where it is asked for alignments.
        option: name of the argument that asks for them.
    """
    nothing = "0" if option == "coverage_penalty" else "False"
    require(
        isinstance(state, dict) and "alignment" in state,
        option,
        f'{nothing} for a model without attention: its state has no entry "alignment"',
        model=type(model).__name__,
    )
