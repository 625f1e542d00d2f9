"""Greedy decoding, in the graph, over the step contract."""

from keras import ops

from keras_attention.decoding.allowed_logits import allowed_logits
from keras_attention.decoding.length_limits import length_limits
from keras_attention.loops import loop
from keras_attention.token_ids import END_ID, PADDING_ID, START_ID


def most_probable(logits, position):
    """The token of the highest logit (B,), and its log-probability (B,)."""
    best, token = ops.top_k(logits, 1)  # (B, 1) each
    log_probability = ops.squeeze(best, 1) - ops.logsumexp(logits, axis=-1)
    return ops.cast(ops.squeeze(token, 1), "int32"), log_probability


def greedy_search(
    model, source_ids, max_length=None, min_length=0, return_alignment=False, choose=most_probable
):
    """The most probable token at every step.

    Args:
        model: anything with the step contract `start`, `advance` and `max_sequence_length`.
        source_ids: (B, S) int32, padded with 0.
        max_length: tokens at most, END included; by default the sentence's unpadded length + 50.
            Never more than `model.max_sequence_length`.
        min_length: tokens before END at least.
        return_alignment: whether to return the attention that chose each token.
        choose: function of logits (B, V) and the position that returns the next token of each row
            and its log-probability: `sample` gives another.

    Returns:
        `{"token_ids": (B, T) int32, "score": (B,) float32}`: no START; END, then padding. The score
        is the sum of the tokens' log-probabilities. With `return_alignment` also "alignment" (B, T,
        S).
    """
    limits, longest = length_limits(source_ids, max_length, model.max_sequence_length)
    batch_size, source_length = ops.shape(source_ids)
    model_state, constants = model.start(source_ids, longest, return_alignment=return_alignment)
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
    columns = ops.expand_dims(ops.arange(longest, dtype="int32"), 0)  # (1, T)

    def unfinished(state):
        return ops.logical_not(ops.all(state["finished"]))

    def step(state):
        position, finished = state["position"], state["finished"]
        logits, model_state = model.advance(state["token"], position, state["model"], constants)
        token, log_probability = choose(allowed_logits(logits, position, min_length), position)
        token = ops.where(finished, PADDING_ID, token)
        here = columns == position
        new_state = {
            "position": position + 1,
            "token": token,
            "finished": ops.logical_or(
                finished, ops.logical_or(token == END_ID, position + 1 >= limits)
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

    state = loop(unfinished, step, state, longest)
    names = ("token_ids", "score", "alignment") if return_alignment else ("token_ids", "score")
    return {name: state[name] for name in names}
