"""Greedy decoding, in the graph, over the step contract."""

from keras import ops

from keras_attention.decoding.allowed_logits import allowed_logits
from keras_attention.decoding.length_limits import length_limits
from keras_attention.decoding.log_normalizer import log_normalizer
from keras_attention.decoding.search_loop import first_room, search_loop
from keras_attention.decoding.top_k import top_k
from keras_attention.token_ids import END_ID, PADDING_ID, START_ID


def most_probable(logits, position, rows):
    """The token of the highest logit (B,), and its log-probability (B,)."""
    best, token = top_k(logits, 1)  # (B, 1) each
    log_probability = best - log_normalizer(logits, best)
    return ops.squeeze(token, 1), ops.squeeze(log_probability, 1)


def greedy_search(
    model,
    source_ids,
    max_length=None,
    min_length=0,
    return_alignment=False,
    choose=most_probable,
    single_loop=False,
):
    """The most probable token at every step.

    Args:
        model: anything with the step contract `start`, `advance` and `max_sequence_length`.
        source_ids: (B, S) int32, padded with 0.
        max_length: tokens at most, END included; by default the sentence's unpadded length + 50.
            Never more than `model.max_sequence_length`.
        min_length: tokens before END at least.
        return_alignment: whether to return the attention that chose each token.
        choose: function of logits (b, V), the position and the rows (b,) of `source_ids` that these
            are of, that returns the next token of each and its log-probability: `sample` gives
            another.
        single_loop: see `search_loop`.

    Returns:
        `{"token_ids": (B, T) int32, "score": (B,) float32}`: no START; END, then padding. The score
        is the sum of the tokens' log-probabilities. With `return_alignment` also "alignment" (B, T,
        S).
    """
    limits, longest = length_limits(source_ids, max_length, model.max_sequence_length)
    batch_size, source_length = ops.shape(source_ids)
    room = first_room(batch_size, longest, single_loop)
    model_state, constants = model.start(source_ids, room, return_alignment=return_alignment)
    state = {
        "position": ops.convert_to_tensor(0, dtype="int32"),
        "token": ops.full((batch_size,), START_ID, dtype="int32"),
        "finished": ops.zeros((batch_size,), dtype="bool"),
        "score": ops.zeros((batch_size,), dtype="float32"),
        "token_ids": ops.full((batch_size, longest), PADDING_ID, dtype="int32"),
        "model": model_state,
    }
    if return_alignment:
        state["alignment"] = ops.zeros((batch_size, longest, source_length), dtype="float32")
    rows = ops.arange(batch_size, dtype="int32")
    columns = ops.expand_dims(ops.arange(longest, dtype="int32"), 0)  # (1, T)

    def step(state, constants):
        position, finished = state["position"], state["finished"]
        logits, model_state = model.advance(
            state["token"], position, state["model"], constants["model"]
        )
        logits = allowed_logits(logits, position, min_length)
        token, log_probability = choose(logits, position, constants["rows"])
        token = ops.where(finished, PADDING_ID, token)
        here = columns == position
        new_state = {
            "position": position + 1,
            "token": token,
            "finished": ops.logical_or(
                finished, ops.logical_or(token == END_ID, position + 1 >= constants["limits"])
            ),
            "score": state["score"] + ops.where(finished, 0.0, log_probability),
            "token_ids": ops.where(here, ops.expand_dims(token, 1), state["token_ids"]),
            "model": model_state,
        }
        if return_alignment:
            attention = ops.where(ops.expand_dims(finished, 1), 0.0, model_state["alignment"])
            new_state["alignment"] = ops.where(
                ops.expand_dims(here, 2), ops.expand_dims(attention, 1), state["alignment"]
            )
        return new_state

    constants = {"limits": limits, "rows": rows, "model": constants}
    names = ("token_ids", "score", "alignment") if return_alignment else ("token_ids", "score")
    return search_loop(model, step, state, constants, names, longest, single_loop)
