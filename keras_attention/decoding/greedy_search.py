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
from keras_attention.decoding.search_loop import first_room, search_loop
from keras_attention.graph.argmax import argmax


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

    Returns:
        `{"token_ids": (B, T) int32, "score": (B,) float32}`: what was emitted, the end included,
        then `special_ids.fill`. The score is the sum of the tokens' log-probabilities. With
        `return_alignment` also "alignment" (B, T, S).

    >>> greedy_search(model, ids, max_length=20)["token_ids"]
    """
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
        logits = allowed_logits(logits, position, model.forbidden_ids, ends, min_length)
        token, log_probability = choose(logits, position, constants["rows"])
        token = ops.where(finished, fill, token)
        here = columns == position
        new_state = {
            "position": position + 1,
            "token": token,
            "finished": ops.logical_or(
                finished, ops.logical_or(is_end(token, ends), position + 1 >= constants["limits"])
            ),
            "token_ids": ops.where(here, ops.expand_dims(token, 1), state["token_ids"]),
            "model": model_state,
        }
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
