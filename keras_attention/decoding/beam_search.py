"""Beam search, in the graph, over the step contract (Wu et al. 2016, section 7)."""

from keras import ops

from keras_attention.decoding.allowed_logits import allowed_logits
from keras_attention.decoding.gnmt_score import gnmt_score, length_divisor
from keras_attention.decoding.length_limits import length_limits
from keras_attention.decoding.log_normalizer import log_normalizer
from keras_attention.decoding.search_loop import first_room, search_loop
from keras_attention.decoding.top_k import top_k
from keras_attention.search_options import FORBIDDEN, IMPOSSIBLE, require_search
from keras_attention.token_ids import END_ID, PADDING_ID, START_ID


def beam_search(
    model,
    source_ids,
    beam_size=4,
    max_length=None,
    min_length=0,
    length_penalty=0.0,
    coverage_penalty=0.0,
    n_best=1,
    return_alignment=False,
    single_loop=False,
):
    """The best of the hypotheses that `beam_size` slots find.

    Each sentence has `beam_size` slots. At every step the unfinished hypotheses are continued by
    every token and the most probable continuations take the slots that are not held by finished
    ones. A hypothesis is finished at END, or at its sentence's maximum length; from then on it and
    its score are frozen and it keeps its slot. So a beam of 1 is greedy search, whatever the
    penalties, and a beam as wide as the space of all sequences finds the best of all.

    A sentence's search ends when all its slots are finished, or when no unfinished hypothesis could
    still come before the `n_best`-th finished one: its score can at best become its log-probability
    of now, over the divisor of the maximum length. That is exact: going on would change nothing.

    Args:
        model: anything with the step contract `start`, `advance`, `reorder` and
            `max_sequence_length`.
        source_ids: (B, S) int32, padded with 0.
        beam_size: number K of slots.
        max_length: tokens at most, END included; by default the sentence's unpadded length + 50.
            Never more than `model.max_sequence_length`.
        min_length: tokens before END at least.
        length_penalty: alpha of `gnmt_score`; the higher, the longer the translations.
        coverage_penalty: beta of `gnmt_score`, for a model that attends; the higher, the more is
            lost by source tokens that receive little attention.
        n_best: number N of hypotheses to return, at most K.
        return_alignment: whether to return the attention that chose each token.
        single_loop: see `search_loop`.

    Returns:
        `{"token_ids": (B, T) int32, "score": (B,) float32}`: no START; END, then padding. The score
        is `gnmt_score`, without penalties the sum of the tokens' log-probabilities. With
        `return_alignment` also "alignment" (B, T, S). With `n_best` over 1 all of these have an
        axis N after B, the best first, all different; where there are fewer sequences than N, the
        rest is padding of score -1e9.

    Raises:
        ValueError: if a number is out of range.

    >>> beam_search(model, ids, beam_size=4, length_penalty=0.6)["token_ids"]

    Reference: Wu et al. 2016, "Google's Neural Machine Translation System",
    https://arxiv.org/abs/1609.08144, section 7
    """
    require_search(beam_size, length_penalty, coverage_penalty, n_best)
    limits, longest = length_limits(source_ids, max_length, model.max_sequence_length)
    batch_size, source_length = ops.shape(source_ids)
    attends = return_alignment or coverage_penalty > 0
    room = first_room(batch_size, longest, single_loop)
    model_state, constants = model.start(
        source_ids, room, return_alignment=attends, beam_size=beam_size
    )
    slots = ops.expand_dims(ops.arange(beam_size, dtype="int32"), 0)  # (1, K)
    columns = ops.expand_dims(ops.arange(longest, dtype="int32"), 0)  # (1, T)

    def rows_of(tensor, slot):
        """What `tensor` (b, M, ...) holds at `slot` (b, N) of each sentence, as (b, N, ...).

        By one index over all rows, which runtimes gather faster than one along an axis.
        """
        inner = ops.shape(tensor)[2:]
        rows = flat_rows(slot, tensor.shape[1])
        found = ops.take(ops.reshape(tensor, (-1, *inner)), rows, axis=0)
        return ops.reshape(found, (-1, slot.shape[1], *inner))

    def flat_rows(slot, count):
        """The rows (b * N,) of `slot` (b, N), where each sentence has `count` rows."""
        sentences = ops.arange(ops.shape(slot)[0], dtype="int32")
        return ops.reshape(ops.expand_dims(sentences, 1) * count + slot, (-1,))

    state = {
        "position": ops.convert_to_tensor(0, dtype="int32"),
        "token": ops.full((batch_size, beam_size), START_ID, dtype="int32"),
        "finished": ops.zeros((batch_size, beam_size), dtype="bool"),
        # All slots begin with the same hypothesis, so all but the first are dead.
        "log_probability": ops.where(slots == 0, 0.0, FORBIDDEN)
        + ops.zeros((batch_size, 1), dtype="float32"),
        "score": ops.full((batch_size, beam_size), FORBIDDEN, dtype="float32"),
        "length": ops.zeros((batch_size, beam_size), dtype="int32"),
        "token_ids": ops.full((batch_size, beam_size, longest), PADDING_ID, dtype="int32"),
        "model": model_state,
    }
    if coverage_penalty:
        # Padding counts as covered.
        padding = ops.cast(source_ids == PADDING_ID, "float32")
        state["coverage"] = ops.zeros((1, beam_size, 1)) + ops.expand_dims(padding, 1)  # (B, K, S)
    if return_alignment:
        shape = (batch_size, beam_size, longest, source_length)
        state["alignment"] = ops.zeros(shape, dtype="float32")

    def step(state, constants):
        position, limits = state["position"], constants["limits"]
        token = ops.reshape(state["token"], (-1,))  # (b K,)
        logits, model_state = model.advance(token, position, state["model"], constants["model"])
        total, token = continuations(state, allowed_logits(logits, position, min_length))
        slot, choice, log_probability = select(state["finished"], total)
        held = rows_of(state["finished"], slot)  # (B, K)
        token = ops.where(held, PADDING_ID, rows_of(token, choice))
        log_probability = ops.where(held, rows_of(state["log_probability"], slot), log_probability)
        dead = log_probability <= IMPOSSIBLE
        length = rows_of(state["length"], slot) + ops.where(held, 0, 1)
        token_ids = rows_of(state["token_ids"], slot)
        here = ops.expand_dims(columns == position, 1)  # (1, 1, T)
        new_state = {
            "position": position + 1,
            "token": token,
            "log_probability": log_probability,
            "length": length,
            "token_ids": ops.where(here, ops.expand_dims(token, 2), token_ids),
            "model": model.reorder(model_state, flat_rows(slot, beam_size)),
        }
        if attends:
            attention = ops.reshape(new_state["model"]["alignment"], (-1, beam_size, source_length))
            attention = ops.where(ops.expand_dims(held, 2), 0.0, attention)  # (B, K, S)
        if coverage_penalty:
            new_state["coverage"] = rows_of(state["coverage"], slot) + attention
        if return_alignment:
            new_state["alignment"] = ops.where(
                ops.expand_dims(here, 3),
                ops.expand_dims(attention, 2),
                rows_of(state["alignment"], slot),
            )
        score = gnmt_score(
            log_probability, length, length_penalty, new_state.get("coverage"), coverage_penalty
        )
        new_state["score"] = ops.where(dead, FORBIDDEN, score)
        finished = ops.logical_or(held, ops.logical_and(token == END_ID, ops.logical_not(dead)))
        over = ops.logical_or(
            position + 1 >= limits,
            decided(finished, dead, log_probability, new_state["score"], limits),
        )
        new_state["finished"] = ops.logical_or(finished, ops.expand_dims(over, 1))
        return new_state

    def continuations(state, logits):
        """The log-probabilities and tokens (B, K * M) of the M <= K best continuations of each."""
        count = min(beam_size, logits.shape[-1])
        best, token = top_k(logits, count)  # (B * K, M): no more of one hypothesis can win
        best = best - log_normalizer(logits, best[:, :1])
        best = ops.reshape(best, (-1, beam_size, count))
        total = ops.maximum(ops.expand_dims(state["log_probability"], 2) + best, FORBIDDEN)
        token = ops.reshape(token, (-1, beam_size * count))
        return ops.reshape(total, (-1, beam_size * count)), token

    def select(finished, total):
        """Which slot (B, K), and which continuation, each slot's new hypothesis comes from."""
        count = total.shape[1] // beam_size
        index = ops.expand_dims(ops.arange(beam_size * count, dtype="int32"), 0)
        holder = ops.repeat(finished, count, axis=1)  # (B, K * M)
        # Finished ones come first, once each and in order; probabilities are below all of these.
        place = ops.cast(beam_size - index // count, "float32")
        kept = ops.where(index % count == 0, place, 2 * FORBIDDEN)
        _, choice = ops.top_k(ops.where(holder, kept, total), beam_size)
        choice = ops.cast(choice, "int32")
        return choice // count, choice, rows_of(total, choice)

    def decided(finished, dead, log_probability, score, limits):
        """Whether no hypothesis of a sentence that goes on could come among its best (B,)."""
        running = ops.logical_not(ops.logical_or(finished, dead))
        attainable = log_probability
        if length_penalty:
            attainable = attainable / ops.expand_dims(length_divisor(limits, length_penalty), 1)
        attainable = ops.max(ops.where(running, attainable, 2 * FORBIDDEN), axis=1)
        best, _ = ops.top_k(ops.where(finished, score, FORBIDDEN), n_best)
        return best[:, n_best - 1] >= attainable

    names = ("token_ids", "score", "alignment") if return_alignment else ("token_ids", "score")
    constants = {"limits": limits, "model": constants}
    state = search_loop(model, step, state, constants, names, longest, single_loop)
    score, slot = ops.top_k(state["score"], n_best)  # (B, N)
    slot = ops.cast(slot, "int32")
    token_ids = rows_of(state["token_ids"], slot)
    missing = ops.expand_dims(score <= IMPOSSIBLE, 2)
    outputs = {"token_ids": ops.where(missing, PADDING_ID, token_ids), "score": score}
    if return_alignment:
        alignment = rows_of(state["alignment"], slot)
        outputs["alignment"] = ops.where(ops.expand_dims(missing, 3), 0.0, alignment)
    if n_best == 1:
        outputs = {name: ops.squeeze(tensor, 1) for name, tensor in outputs.items()}
    return outputs
