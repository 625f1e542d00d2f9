"""Attention scores of an encoder that reads a text."""

import numpy as np

from keras_attention._validation import InputError, require, warn_of_truncation
from keras_attention.visualization.attention_plot import (
    AttentionMap,
    choose_attention,
    merge_words,
)
from keras_attention.visualization.drawn_labels import drawn_labels
from keras_attention.visualization.fonts import use_fonts
from keras_attention.visualization.save_figure import save_figure


def encoder_scores(model, tokenizer, text, pair=None, max_length=512):
    """The attention scores of every layer and head, between words.

    Args:
        model: an encoder or a classifier with a method `attention_scores`.
        tokenizer: of an encoder, such as a `WordPieceTokenizer`.
        text: string.
        pair: string, a second text, or None.
        max_length: tokens at most.

    Returns:
        A list of (H, W, W) arrays, one for each layer, and the list of the W words, with [CLS] and
        [SEP]. Row i holds the scores of word i, the mean over its pieces. It sums to 1.

    Raises:
        InputError: if the text is empty.
    """
    if not text.strip():
        raise InputError("The text to plot is empty.")
    pairs = None if pair is None else [pair]
    encoded = tokenizer.encode([text], pairs, max_length)
    if encoded.truncated[0]:
        warn_of_truncation(
            f"The text is longer than {max_length:,} tokens; only its beginning is drawn.",
            stacklevel=2,
        )
    (ids,), (segments,) = encoded.token_ids, encoded.segment_ids
    inputs = {
        "token_ids": np.array([ids], "int32"),
        "segment_ids": np.array([segments], "int32"),
        "padding_mask": np.ones((1, len(ids)), "int32"),
    }
    unknown = tokenizer.special_ids.unknown
    texts = [text] if pair is None else [text, pair]
    # What a word was says more than that it is unknown.
    pieces = tokenizer.pieces(ids, texts) if unknown in ids else tokenizer.pieces(ids)
    layers = []
    for scores in model.attention_scores(inputs):
        merged = [merge_words(head, pieces, pieces) for head in np.asarray(scores, "float32")[0]]
        layers.append(np.stack([weights for weights, _, _ in merged]))
    return layers, merged[0][1]


def attention_of_text(model, tokenizer, text, pair=None, layer=None, head=None, max_length=512):
    """The attention scores of one layer, for `plot_attention`.

    Args:
        model, tokenizer, text, pair, max_length: see `encoder_scores`.
        layer: index from 0; the last but one by default.
        head: index from 0; None averages all heads.

    Returns:
        An `AttentionMap`.

    Raises:
        InputError: if the text is empty, or there is no such layer or head.
    """
    layers, words = encoder_scores(model, tokenizer, text, pair, max_length)
    scores = {"encoder": [weights[None] for weights in layers]}
    weights, title = choose_attention(scores, "encoder", layer, head)
    return AttentionMap(weights, words, words, title, "word (query)", "word (key)")


def plot_attention_grid(layers, words, title=""):
    """A matplotlib figure with a small map for each head (columns) of each layer (rows).

    Args:
        layers: list of (H, W, W), from `encoder_scores`.
        words: list of W strings, drawn beside the maps if there is room.
        title: of the figure.

    Returns:
        `matplotlib.figure.Figure`; no window system is needed.

    Raises:
        ValueError: if there is no layer.
    """
    from matplotlib.figure import Figure

    require(len(layers), "layers", "one or more", layers=layers)
    words, (title,) = drawn_labels(words), drawn_labels([title])
    rows, columns = len(layers), len(layers[0])
    size = float(np.clip(0.16 * len(words), 1.1, 3.0))
    longest = 0.085 * max(map(len, words))
    figure = Figure(
        figsize=(size * columns + longest + 1.4, size * rows + longest + 0.9), layout="constrained"
    )
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03)
    panels = figure.subplots(rows, columns, squeeze=False)
    largest = max(float(weights.max()) for weights in layers)  # heads rarely look at one word alone
    labelled = size / len(words) >= 0.085  # inches a word, below which letters overlap
    for layer, row in enumerate(panels):
        for head, axes in enumerate(row):
            image = axes.imshow(layers[layer][head], cmap="Blues", vmin=0, vmax=largest)
            axes.set_xticks([])
            axes.set_yticks([])
            if layer == 0:
                axes.set_title(f"head {head}", fontsize=8)
            if head == 0:
                axes.set_ylabel(f"layer {layer}", fontsize=8)
            if labelled and head == 0:
                axes.set_yticks(range(len(words)), words, fontsize=5.5, parse_math=False)
            if labelled and layer == rows - 1:
                axes.set_xticks(
                    range(len(words)), words, fontsize=5.5, rotation=90, parse_math=False
                )
            axes.tick_params(length=0, pad=1.5)
    figure.colorbar(image, ax=panels, label="attention weight", shrink=0.6, aspect=30)
    figure.suptitle(title, parse_math=False)
    use_fonts(figure)
    return figure


def save_attention_grid(layers, words, path, title="", force=False):
    """Writes `plot_attention_grid` as a PNG file, complete or not at all.

    Raises:
        InputError: if `path` exists and `force` is not given.
    """
    save_figure(plot_attention_grid(layers, words, title), path, force)
