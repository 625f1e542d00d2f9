"""Beam search, in the graph, over the step contract (Wu et al. 2016, section 7)."""

from keras import ops

from keras_attention.decoding.gnmt_score import gnmt_score
from keras_attention.decoding.hypotheses import (
    at_slots,
    best_continuations,
    choose_slots,
    flat_rows,
    is_decided,
)
from keras_attention.decoding.next_tokens import (
    allowed_logits,
    first_tokens,
    is_end,
    require_alignment,
)
from keras_attention.decoding.repetition import penalised, seen_tokens, with_token
from keras_attention.decoding.search_loop import first_room, search_loop
from keras_attention.decoding.stops import followed_by, is_stop, no_tokens, require_stops
from keras_attention.search_numbers import require_penalty, require_search
from keras_attention.search_options import FORBIDDEN, IMPOSSIBLE


def beam_search(
    model,
    inputs,
    beam_size=4,
    max_length=None,
    min_length=0,
    length_penalty=0.0,
    coverage_penalty=0.0,
    n_best=1,
    return_alignment=False,
    single_loop=False,
    repetition_penalty=1.0,
    stops=(),
):
    """The best of the hypotheses that `beam_size` slots find.

    Each input has `beam_size` slots. At every step the unfinished hypotheses are continued by every
    token and the most probable continuations take the slots that are not held by finished ones. A
    hypothesis is finished at an end, or at its input's maximum length; from then on it and its
    score are frozen and it keeps its slot. So a beam of 1 is greedy search, whatever the penalties,
    and a beam as wide as the space of all sequences finds the best of all.

    An input's search ends when all its slots are finished, or when no unfinished hypothesis could
    still come before the `n_best`-th finished one (`hypotheses.is_decided`). That is exact: going
    on would change nothing.

    Args:
        model: anything with the step contract.
        inputs: what the model starts from: a translator's source ids (B, S).
        beam_size: number K of slots.
        max_length: tokens at most, the end included; by default the model's own limit.
        min_length: tokens before the end at least.
        length_penalty: alpha of `gnmt_score`; the higher, the longer the results.
        coverage_penalty: beta of `gnmt_score`, for a model that attends; the higher, the more is
            lost by source tokens that receive little attention.
        n_best: number N of hypotheses to return, at most K.
        return_alignment: whether to return the attention that chose each token.
        single_loop: see `search_loop`.
        repetition_penalty, stops: see `greedy_search`.

    Returns:
        `{"token_ids": (B, T) int32, "score": (B,) float32}`: what was emitted, the end included,
        then `special_ids.fill`. The score is `gnmt_score`, without penalties the sum of the tokens'
        log-probabilities. With `return_alignment` also "alignment" (B, T, S). With `n_best` over 1
        all of these have an axis N after B, the best first, all different; where there are fewer
        sequences than N, the rest is filled and has the score -1e9.

    Raises:
        ValueError: if a number is out of range.

    >>> beam_search(model, ids, beam_size=4, length_penalty=0.6)["token_ids"]

    Reference: Wu et al. 2016, "Google's Neural Machine Translation System",
    https://arxiv.org/abs/1609.08144, section 7
    """
    require_search(beam_size, length_penalty, coverage_penalty, n_best)
    require_penalty(repetition_penalty)
    limits, longest = model.length_limits(inputs, max_length)
    batch_size, source_length = model.inputs_shape(inputs)
    attends = return_alignment or coverage_penalty > 0
    fill, ends = model.special_ids.fill, model.special_ids.ends
    room = first_room(batch_size, longest, single_loop)
    model_state, constants = model.start(
        inputs, room, return_alignment=attends, beam_size=beam_size
    )
    if attends:
        option = "return_alignment" if return_alignment else "coverage_penalty"
        require_alignment(model, model_state, option)
    slots = ops.expand_dims(ops.arange(beam_size, dtype="int32"), 0)  # (1, K)
    columns = ops.expand_dims(ops.arange(longest, dtype="int32"), 0)  # (1, T)
    state = {
        "position": ops.convert_to_tensor(0, dtype="int32"),
        "token": first_tokens(model, inputs, batch_size, beam_size),
        "finished": ops.zeros((batch_size, beam_size), dtype="bool"),
        # All slots begin with the same hypothesis, so all but the first are dead.
        "log_probability": ops.where(slots == 0, 0.0, FORBIDDEN)
        + ops.zeros((batch_size, 1), dtype="float32"),
        "score": ops.full((batch_size, beam_size), FORBIDDEN, dtype="float32"),
        "length": ops.zeros((batch_size, beam_size), dtype="int32"),
        "token_ids": ops.full((batch_size, beam_size, longest), fill, dtype="int32"),
        "model": model_state,
    }
    if repetition_penalty != 1:
        seen = ops.expand_dims(seen_tokens(model, inputs, batch_size), 1)
        state["seen"] = ops.repeat(seen, beam_size, axis=1)  # (B, K, V)
    if stops:
        require_stops(stops, model.vocabulary_size)
        state["recent"] = no_tokens(stops, batch_size, beam_size)
    if coverage_penalty:
        # Padding counts as covered.
        covered = ops.where(model.inputs_mask(inputs), 0.0, 1.0)
        state["coverage"] = ops.zeros((1, beam_size, 1)) + ops.expand_dims(covered, 1)  # (B, K, S)
    if return_alignment:
        shape = (batch_size, beam_size, longest, source_length)
        state["alignment"] = ops.zeros(shape, dtype="float32")

    def step(state, constants):
        position, limits = state["position"], constants["limits"]
        token = ops.reshape(state["token"], (-1,))  # (b * K,)
        logits, model_state = model.step(token, position, state["model"], constants["model"])
        if "seen" in state:
            seen = ops.reshape(state["seen"], (-1, ops.shape(state["seen"])[2]))  # (b * K, V)
            logits = penalised(logits, seen, repetition_penalty)
        logits = allowed_logits(logits, position, model.forbidden_ids, ends, min_length)
        total, token = best_continuations(state["log_probability"], logits)
        slot, choice, log_probability = choose_slots(state["finished"], total)
        held = at_slots(state["finished"], slot)  # (b, K)
        token = ops.where(held, fill, at_slots(token, choice))
        log_probability = ops.where(held, at_slots(state["log_probability"], slot), log_probability)
        dead = log_probability <= IMPOSSIBLE
        length = at_slots(state["length"], slot) + ops.where(held, 0, 1)
        token_ids = at_slots(state["token_ids"], slot)
        here = ops.expand_dims(columns == position, 1)  # (1, 1, T)
        new_state = {
            "position": position + 1,
            "token": token,
            "log_probability": log_probability,
            "length": length,
            "token_ids": ops.where(here, ops.expand_dims(token, 2), token_ids),
            "model": model.select_rows(model_state, flat_rows(slot, beam_size)),
        }
        is_last = is_end(token, ends)
        if "seen" in state:
            new_state["seen"] = with_token(at_slots(state["seen"], slot), token)
        if stops:
            new_state["recent"] = followed_by(at_slots(state["recent"], slot), token)
            is_last = ops.logical_or(is_last, is_stop(new_state["recent"], stops))
        if attends:
            attention = ops.reshape(new_state["model"]["alignment"], (-1, beam_size, source_length))
            attention = ops.where(ops.expand_dims(held, 2), 0.0, attention)  # (b, K, S)
        if coverage_penalty:
            new_state["coverage"] = at_slots(state["coverage"], slot) + attention
        if return_alignment:
            new_state["alignment"] = ops.where(
                ops.expand_dims(here, 3),
                ops.expand_dims(attention, 2),
                at_slots(state["alignment"], slot),
            )
        score = gnmt_score(
            log_probability, length, length_penalty, new_state.get("coverage"), coverage_penalty
        )
        score = ops.where(dead, FORBIDDEN, score)
        finished = ops.logical_or(held, ops.logical_and(is_last, ops.logical_not(dead)))
        over = ops.logical_or(
            position + 1 >= limits,
            is_decided(finished, dead, log_probability, score, limits, length_penalty, n_best),
        )
        new_state["score"] = score
        new_state["finished"] = ops.logical_or(finished, ops.expand_dims(over, 1))
        return new_state

    names = ("token_ids", "score", "alignment") if return_alignment else ("token_ids", "score")
    constants = {"limits": limits, "model": constants}
    state = search_loop(model, step, state, constants, names, longest, single_loop)
    return _best_hypotheses(state, n_best, fill)


def _best_hypotheses(state, n_best, fill):
    """The outputs of `beam_search` from the K hypotheses of each input at its end."""
    score, slot = ops.top_k(state["score"], n_best)  # (B, N)
    slot = ops.cast(slot, "int32")
    token_ids = at_slots(state["token_ids"], slot)
    missing = ops.expand_dims(score <= IMPOSSIBLE, 2)
    outputs = {"token_ids": ops.where(missing, fill, token_ids), "score": score}
    if "alignment" in state:
        alignment = at_slots(state["alignment"], slot)
        outputs["alignment"] = ops.where(ops.expand_dims(missing, 3), 0.0, alignment)
    if n_best == 1:
        outputs = {name: ops.squeeze(tensor, 1) for name, tensor in outputs.items()}
    return outputs
