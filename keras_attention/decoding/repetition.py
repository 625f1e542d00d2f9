"""The repetition penalty: tokens that a row has already are less likely (Keskar et al. 2019)."""

from keras import ops

from keras_attention._validation import require


def seen_tokens(model, inputs, batch_size):
    """Which tokens the prompts hold: float32 (B, V), 1 at a token that stands there, 0 elsewhere.

    Args:
        model: anything with the step contract; `prompt_tokens` gives its prompts, if it has any.
        inputs: what the model starts from.
        batch_size: B, an integer or a scalar tensor.

    Raises:
        ValueError: if the model does not say how many tokens it has.
    """
    size = model.vocabulary_size
    require(
        size is not None,
        "repetition_penalty",
        "1 for a model without `vocabulary_size`",
        model=type(model).__name__,
    )
    prompts = model.prompt_tokens(inputs)
    if prompts is None:
        return ops.zeros((batch_size, size), dtype="float32")
    token_ids, mask = prompts
    token_ids = ops.cast(token_ids, "int32")
    rows = ops.arange(batch_size, dtype="int32")[:, None] + ops.zeros_like(token_ids)
    places = ops.reshape(ops.stack([rows, token_ids], axis=-1), (-1, 2))
    counts = ops.reshape(ops.cast(mask, "float32"), (-1,))
    # Sums where the same place comes several times, or one of them: a token that fills adds 0.
    return ops.cast(ops.scatter(places, counts, shape=(batch_size, size)) > 0, "float32")


def with_token(seen, token):
    """`seen` (..., V) with a further token (...) of each row."""
    numbers = ops.arange(ops.shape(seen)[-1], dtype="int32")
    return ops.maximum(seen, ops.cast(ops.equal(ops.expand_dims(token, -1), numbers), "float32"))


def penalised(logits, seen, penalty):
    """Logits (R, V) in float32, those of seen tokens divided by `penalty`, or times it below 0.

    Args:
        logits: (R, V).
        seen: (R, V), from `seen_tokens`.
        penalty: number above 0; above 1 makes a repetition less likely.

    Reference: Keskar et al. 2019, "CTRL: A Conditional Transformer Language Model for Controllable
    Generation", section 4.1, https://arxiv.org/abs/1909.05858
    """
    logits = ops.cast(logits, "float32")
    return ops.where(seen > 0, ops.where(logits > 0, logits / penalty, logits * penalty), logits)
