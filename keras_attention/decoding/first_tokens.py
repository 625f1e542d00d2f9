"""The tokens that the first step reads."""

from keras import ops


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
    if isinstance(tokens, int):
        return ops.full(shape, tokens, dtype="int32")
    tokens = ops.cast(tokens, "int32")
    return tokens if beam_size is None else ops.repeat(tokens[:, None], beam_size, axis=1)
