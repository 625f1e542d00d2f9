"""How well a model predicts texts: loss, perplexity and bits per byte."""

import math

import numpy as np

from keras_attention.tasks.language_model.training_documents import scored_bytes, token_stream

WINDOWS = 64  # whose scores are asked for at once


def language_model_scores(user, texts, context=None):
    """The scores of predicting each token from those before it: the same in every runtime.

    A document is read in windows of `context` tokens without overlap, so that every token but its
    first is scored once.

    Args:
        user: `TextGenerator`.
        texts: `Texts`.
        context: tokens of a window; None for all that the model reads.

    Returns:
        `{"loss", "perplexity", "bits_per_byte", "tokens", "bytes", "documents", "context",
        "unknown_tokens"}`: the loss is the mean in nats of a token, and tokens and bytes are those
        that are scored.
    """
    context = user.context if context is None else context
    total, count = 0.0, 0
    with token_stream(texts, user.tokenizer) as stream:
        for rows in _batches(stream, context):
            for values in user.log_probabilities(rows):
                total -= float(np.sum(values, dtype="float64"))
                count += len(values) - 1
        size, documents = scored_bytes(user.tokenizer, stream), len(stream.begins)
        unknown = user.tokenizer.special_ids.unknown
        unknown_tokens = 0 if unknown is None else int(np.sum(stream.ids == unknown))
    loss = total / count
    return {
        "loss": loss,
        "perplexity": perplexity(loss),
        "bits_per_byte": total / (math.log(2) * max(1, size)),
        "tokens": count,
        "bytes": size,
        "documents": documents,
        "context": context,
        "unknown_tokens": unknown_tokens,
    }


def perplexity(loss):
    """exp of a loss in nats; of one that is beyond all numbers the largest."""
    return math.exp(min(loss, 700))


def _batches(stream, context):
    """Lists of windows: a window is the tokens that are read and the one after them."""
    rows = []
    for window in _windows(stream, context):
        rows.append(window)
        if len(rows) == WINDOWS:
            yield rows
            rows = []
    if rows:
        yield rows


def _windows(stream, context):
    ends = [*stream.begins[1:].tolist(), len(stream.ids)]
    for start, end in zip(stream.begins.tolist(), ends, strict=True):
        for first in range(start, end - 1, context):
            yield stream.ids[first : min(first + context + 1, end)].tolist()
