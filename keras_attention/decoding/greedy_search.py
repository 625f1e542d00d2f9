"""Greedy decoding, in the graph, over the step contract."""

import functools

from keras import ops

from keras_attention.decoding.next_tokens import (
    allowed_logits,
    first_tokens,
    is_end,
    log_normalizer,
    require_alignment,
    top_k,
)
from keras_attention.decoding.repetition import penalised, seen_tokens, with_token
from keras_attention.decoding.search_loop import first_room, search_loop
from keras_attention.decoding.stops import followed_by, is_stop, no_tokens, require_stops
from keras_attention.graph.argmax import argmax
from keras_attention.search_numbers import require_penalty


def most_probable(logits, position, rows, with_score=True):
    """The token of the highest logit (b,), and its log-probability (b,), or None."""
    if not with_score:
        return argmax(logits), None
    best, token = top_k(logits, 1)  # (B, 1) each
    log_probability = best - log_normalizer(logits, best)
    return ops.squeeze(token, 1), ops.squeeze(log_probability, 1)


def greedy_search(
    model,
    inputs,
    max_length=None,
    min_length=0,
    return_alignment=False,
    choose=most_probable,
    single_loop=False,
    return_score=True,
    repetition_penalty=1.0,
    stops=(),
):
    """The most probable token at every step.

    Args:
        model: anything with the step contract.
        inputs: what the model starts from: a translator's source ids (B, S).
        max_length: tokens at most, the end included; by default the model's own limit.
        min_length: tokens before the end at least.
        return_alignment: whether to return the attention that chose each token.
        choose: function of logits (b, V), the position and the indices (b,) of the inputs that
            these are of, that returns the next token of each and its log-probability: `sample`
            gives another.
        single_loop: see `search_loop`.
        return_score: whether to return the scores. Without them a step needs no sum over the
            vocabulary. `most_probable` alone can do so.
        repetition_penalty: the logits of tokens that the prompt or what was emitted holds are
            divided by it where they are above 0, and multiplied where they are below (Keskar et al.
            2019). Scores are those after it.
        stops: sequences of ids; what ends with one of them is finished, the sequence included.

    Returns:
        `{"token_ids": (B, T) int32, "score": (B,) float32}`: what was emitted, the end included,
        then `special_ids.fill`. The score is the sum of the tokens' log-probabilities. With
        `return_alignment` also "alignment" (B, T, S).

    >>> greedy_search(model, ids, max_length=20)["token_ids"]
    """
    require_penalty(repetition_penalty)
    limits, longest = model.length_limits(inputs, max_length)
    batch_size, source_length = model.inputs_shape(inputs)
    fill, ends = model.special_ids.fill, model.special_ids.ends
    room = first_room(batch_size, longest, single_loop)
    model_state, constants = model.start(inputs, room, return_alignment=return_alignment)
    if return_alignment:
        require_alignment(model, model_state, "return_alignment")
    if not return_score:
        choose = functools.partial(choose, with_score=False)
    state = {
        "position": ops.convert_to_tensor(0, dtype="int32"),
        "token": first_tokens(model, inputs, batch_size),
        "finished": ops.zeros((batch_size,), dtype="bool"),
        "token_ids": ops.full((batch_size, longest), fill, dtype="int32"),
        "model": model_state,
    }
    if repetition_penalty != 1:
        state["seen"] = seen_tokens(model, inputs, batch_size)
    if stops:
        require_stops(stops, model.vocabulary_size)
        state["recent"] = no_tokens(stops, batch_size)
    names = ["token_ids"]
    if return_score:
        names.append("score")
        state["score"] = ops.zeros((batch_size,), dtype="float32")
    if return_alignment:
        names.append("alignment")
        state["alignment"] = ops.zeros((batch_size, longest, source_length), dtype="float32")
    rows = ops.arange(batch_size, dtype="int32")
    columns = ops.expand_dims(ops.arange(longest, dtype="int32"), 0)  # (1, T)

    def step(state, constants):
        position, finished = state["position"], state["finished"]
        logits, model_state = model.step(
            state["token"], position, state["model"], constants["model"]
        )
        if "seen" in state:
            logits = penalised(logits, state["seen"], repetition_penalty)
        logits = allowed_logits(logits, position, model.forbidden_ids, ends, min_length)
        token, log_probability = choose(logits, position, constants["rows"])
        token = ops.where(finished, fill, token)
        is_last = is_end(token, ends)
        here = columns == position
        new_state = {
            "position": position + 1,
            "token": token,
            "token_ids": ops.where(here, ops.expand_dims(token, 1), state["token_ids"]),
            "model": model_state,
        }
        if "seen" in state:
            new_state["seen"] = with_token(state["seen"], token)
        if stops:
            new_state["recent"] = followed_by(state["recent"], token)
            is_last = ops.logical_or(is_last, is_stop(new_state["recent"], stops))
        new_state["finished"] = ops.logical_or(
            finished, ops.logical_or(is_last, position + 1 >= constants["limits"])
        )
        if return_score:
            new_state["score"] = state["score"] + ops.where(finished, 0.0, log_probability)
        if return_alignment:
            attention = ops.where(ops.expand_dims(finished, 1), 0.0, model_state["alignment"])
            new_state["alignment"] = ops.where(
                ops.expand_dims(here, 2), ops.expand_dims(attention, 1), state["alignment"]
            )
        return new_state

    constants = {"limits": limits, "rows": rows, "model": constants}
    return search_loop(model, step, state, constants, names, longest, single_loop)
