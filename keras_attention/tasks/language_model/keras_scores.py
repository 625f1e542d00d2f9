"""The log-probability of every token of texts, by a Keras model, without the logits of a batch."""

from keras import ops

from keras_attention.training.linear_cross_entropy import linear_cross_entropy


def token_log_probabilities(model, token_ids, lengths):
    """The log-probability of each token after those before it, as the model itself has it.

    Args:
        model: a `LanguageModel`.
        token_ids: (B, T) int32; T is at most the context + 1, and the last token is not read.
        lengths: (B,) int32, the tokens of each row.

    Returns:
        (B, T) float32: 0 at the first token of a row and behind its length.
    """
    token_ids, lengths = ops.cast(token_ids, "int32"), ops.cast(lengths, "int32")
    batch_size, width = ops.shape(token_ids)
    targets, read = token_ids[:, 1:], {"token_ids": token_ids[:, :-1]}
    columns = ops.arange(1, width, dtype="int32")
    weights = ops.cast(columns[None, :] < lengths[:, None], "float32")
    found = model.projected_logits(read, training=False)
    if found is None:  # a model of another kind
        logits = ops.cast(model(read, training=False), "float32")
        values = ops.take_along_axis(ops.log_softmax(logits), targets[..., None], axis=-1)[..., 0]
    else:
        hidden, (kernel, bias, transposed, dtype) = found
        _, values, _ = linear_cross_entropy(
            hidden,
            kernel,
            targets,
            weights,
            bias=bias,
            transposed=transposed,
            dtype=dtype,
            with_accuracies=False,
            training=False,
        )
    first = ops.zeros((batch_size, 1), "float32")
    return ops.concatenate([first, values * weights], axis=1)
