"""Attention scores of a language model that reads a prompt."""

import numpy as np

from keras_attention._validation import InputError, warn_of_truncation
from keras_attention.visualization.attention_plot import AttentionMap, choose_attention


def prompt_scores(model, tokenizer, text):
    """The attention scores of every layer and head, between tokens.

    Args:
        model: a `LanguageModel` with a method `attention_scores`.
        tokenizer: of a language model.
        text: string, the prompt.

    Returns:
        A list of (H, T, T) arrays, one for each layer, and the list of the T tokens as strings. Row
        t holds where token t looks: at itself and at those before it, in a layer with a window w
        at the last w of these. It sums to 1.

    Raises:
        InputError: if the text has no tokens.
    """
    (ids,) = tokenizer.encode([text]).token_ids
    if not len(ids):
        raise InputError("The text to plot is empty.")
    longest = model.max_sequence_length
    if len(ids) > longest:
        warn_of_truncation(
            f"The text is longer than {longest:,} tokens; only its beginning is drawn.",
            stacklevel=2,
        )
    ids = list(ids)[:longest]
    layers = model.attention_scores({"token_ids": np.array([ids], "int32")})
    if not layers:
        raise InputError("The model has no attention.")
    return [np.asarray(scores, "float32")[0] for scores in layers], list(tokenizer.pieces(ids))


def attention_of_prompt(model, tokenizer, text, layer=None, head=None):
    """The attention scores of one layer, for `plot_attention`.

    Args:
        model, tokenizer, text: see `prompt_scores`.
        layer: index from 0; the last but one by default.
        head: index from 0; None averages all heads.

    Returns:
        An `AttentionMap`.

    Raises:
        InputError: if the text is empty, or there is no such layer or head.
    """
    layers, pieces = prompt_scores(model, tokenizer, text)
    scores = {"decoder": [weights[None] for weights in layers]}
    weights, title = choose_attention(scores, "decoder", layer, head)
    windows = model.attention_windows()
    window = windows[max(0, len(layers) - 2) if layer is None else layer] if windows else None
    if window is not None:
        title += f", window of {window:,}"
    return AttentionMap(weights, pieces, pieces, title, "token (query)", "token (key)")
