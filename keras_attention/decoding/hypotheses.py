"""Pure functions on the hypotheses of a beam search.

Shapes: b inputs that are still searched, K slots of each, which hold one hypothesis each, M
continuations of a hypothesis, V tokens.
"""

from keras import ops

from keras_attention.decoding.gnmt_score import length_divisor
from keras_attention.decoding.next_tokens import log_normalizer, top_k
from keras_attention.search_options import FORBIDDEN


def flat_rows(slot, count):
    """The rows (b * N,) of `slot` (b, N), where each input has `count` rows.

    >>> flat_rows([[0, 2], [1, 1]], 3)
    [0, 2, 4, 4]
    """
    inputs = ops.arange(ops.shape(slot)[0], dtype="int32")
    return ops.reshape(ops.expand_dims(inputs, 1) * count + slot, (-1,))


def at_slots(tensor, slot):
    """What `tensor` (b, M, ...) holds at `slot` (b, N) of each input: (b, N, ...).

    By one index over all rows, which runtimes gather faster than one along an axis.
    """
    inner = ops.shape(tensor)[2:]
    rows = flat_rows(slot, tensor.shape[1])
    found = ops.take(ops.reshape(tensor, (-1, *inner)), rows, axis=0)
    return ops.reshape(found, (-1, slot.shape[1], *inner))


def best_continuations(log_probability, logits):
    """The M = min(K, V) best continuations of each hypothesis: no more of one can win.

    Args:
        log_probability: (b, K), of the hypotheses.
        logits: (b * K, V) float32, of the tokens that come next.

    Returns:
        Their log-probabilities (b, K * M), those of one hypothesis after each other, at least
        `FORBIDDEN`; and their tokens (b, K * M).
    """
    beam_size = log_probability.shape[1]
    count = min(beam_size, logits.shape[-1] or beam_size)
    best, token = top_k(logits, count)  # (b * K, M)
    best = best - log_normalizer(logits, best[:, :1])
    best = ops.reshape(best, (-1, beam_size, count))
    total = ops.maximum(ops.expand_dims(log_probability, 2) + best, FORBIDDEN)
    token = ops.reshape(token, (-1, beam_size * count))
    return ops.reshape(total, (-1, beam_size * count)), token


def choose_slots(finished, total):
    """What each slot holds next: finished hypotheses, then the most probable continuations.

    Args:
        finished: boolean (b, K), which hypotheses are finished: these keep a slot each, in order.
        total: (b, K * M), the log-probabilities of `best_continuations`.

    Returns:
        The slot (b, K) that each slot's hypothesis comes from, the index (b, K) of its continuation
        in `total`, which of a finished one has no meaning, and its log-probability (b, K).
    """
    beam_size = finished.shape[1]
    count = total.shape[1] // beam_size
    index = ops.expand_dims(ops.arange(beam_size * count, dtype="int32"), 0)
    holder = ops.repeat(finished, count, axis=1)  # (b, K * M)
    # Finished ones come first, once each and in order; probabilities are below all of these.
    place = ops.cast(beam_size - index // count, "float32")
    kept = ops.where(index % count == 0, place, 2 * FORBIDDEN)
    _, choice = ops.top_k(ops.where(holder, kept, total), beam_size)
    choice = ops.cast(choice, "int32")
    return choice // count, choice, at_slots(total, choice)


def is_decided(finished, dead, log_probability, score, limits, length_penalty, n_best):
    """Whether no hypothesis that goes on could come among the best of its input: boolean (b,).

    A hypothesis' score can at best become its log-probability of now, over the divisor of the
    maximum length; the coverage penalty only lowers it.

    Args:
        finished, dead: boolean (b, K), which hypotheses are finished, and which hold something
            forbidden.
        log_probability: (b, K).
        score: (b, K), of those that are finished.
        limits: (b,), the maximum lengths.
        length_penalty: of `gnmt_score`.
        n_best: how many of the best are wanted.
    """
    running = ops.logical_not(ops.logical_or(finished, dead))
    attainable = log_probability
    if length_penalty:
        attainable = attainable / ops.expand_dims(length_divisor(limits, length_penalty), 1)
    attainable = ops.max(ops.where(running, attainable, 2 * FORBIDDEN), axis=1)
    best, _ = ops.top_k(ops.where(finished, score, FORBIDDEN), n_best)
    return best[:, n_best - 1] >= attainable
