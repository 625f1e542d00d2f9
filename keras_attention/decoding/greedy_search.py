"""Greedy decoding, in the graph, over the step contract."""

from keras import ops

from keras_attention.loops import loop
from keras_attention.token_ids import END_ID, PADDING_ID, START_ID

EXTRA_LENGTH = 50  # Vaswani et al. 2017, section 6.1: maximum output length is input length + 50


def length_limits(source_ids, max_length, cap):
    """How many tokens each sentence may get (B,), and the largest of these a batch could reach.

    A sentence's limit follows its own unpadded length, so that neither padding nor the other
    sentences of its batch change its translation.
    """
    batch_size, source_length = ops.shape(source_ids)
    if max_length is not None:
        longest = _at_most(max_length, cap)
        return ops.zeros((batch_size,), dtype="int32") + longest, longest
    lengths = ops.sum(ops.cast(ops.not_equal(source_ids, PADDING_ID), "int32"), axis=1)
    return ops.minimum(lengths + EXTRA_LENGTH, cap), _at_most(source_length + EXTRA_LENGTH, cap)


def _at_most(length, cap):
    """The smaller one: a number if `length` is one, so that shapes stay static where they are."""
    if isinstance(length, int):
        return min(length, cap)
    return ops.minimum(ops.cast(length, "int32"), cap)


def forbid_padding_and_start(logits):
    """Logits (B, V) in which the two ids that no translation holds can never win."""
    ids = ops.arange(logits.shape[-1], dtype="int32")
    forbidden = ops.logical_or(ids == PADDING_ID, ids == START_ID)
    return ops.where(forbidden, ops.cast(-1e9, "float32"), ops.cast(logits, "float32"))


def greedy_search(model, source_ids, max_length=None, return_alignment=False):
    """The most probable token at every step.

    Args:
        model: anything with the step contract `start`, `advance` and `max_sequence_length`.
        source_ids: (B, S) int32, padded with 0.
        max_length: tokens at most, END included; by default the sentence's unpadded length + 50.
            Never more than `model.max_sequence_length`.
        return_alignment: whether to return the attention that chose each token.

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
        logits = forbid_padding_and_start(logits)
        best, token = ops.top_k(logits, 1)  # (B, 1) each
        best, token = ops.squeeze(best, 1), ops.cast(ops.squeeze(token, 1), "int32")
        log_probability = best - ops.logsumexp(logits, axis=-1)
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
