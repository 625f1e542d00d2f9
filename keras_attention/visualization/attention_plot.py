"""Heatmaps of attention scores, as in Bahdanau, Cho & Bengio 2015, figure 3."""

import dataclasses
import re
from itertools import chain, count
from string import ascii_lowercase

import numpy as np

from keras_attention._validation import InputError, require
from keras_attention.token_ids import pad
from keras_attention.visualization.drawn_labels import drawn_labels
from keras_attention.visualization.fonts import use_fonts
from keras_attention.visualization.save_figure import save_figure

WORD_START = "\u2581"  # SentencePiece's mark of a word's first piece
# Of scripts whose languages put no spaces between words: the first and the last letter.
WITHOUT_SPACES = (
    *(("\u0e00", "\u0eff"), ("\u1000", "\u109f"), ("\u1780", "\u17ff")),  # Thai ... Khmer
    *(("\u2e80", "\u312f"), ("\u3190", "\u9fff"), ("\uf900", "\ufaff")),  # Han and kana
    ("\uff65", "\uff9f"),  # kana of half the width
    *(("\U0001aff0", "\U0001b16f"), ("\U00020000", "\U0003ffff")),
)
_BYTE = re.compile("<0x[0-9A-F]{2}>")  # SentencePiece's piece of a byte
KINDS = ("cross", "encoder", "decoder")
CELL = 0.36  # inches from one word to the next


@dataclasses.dataclass
class AttentionMap:
    """Attention scores `weights` (rows, columns), with a label for each row and column."""

    weights: np.ndarray
    rows: list
    columns: list
    title: str
    row_axis: str
    column_axis: str


def word_spans(pieces):
    """The slices of `pieces`, one for each word. A special token is a word of its own.

    Where a language puts no spaces between words, as Chinese, Japanese and Thai do not, each piece
    is a word. Bytes, which stand for a character that the vocabulary lacks, are one.

    >>> word_spans(["\u2581drei", "hundert", "\u2581Uhr"])
    [slice(0, 2), slice(2, 3)]
    """
    pairs = zip([""], pieces[:1], strict=False), zip(pieces, pieces[1:], strict=False)
    starts = [i for i, (former, piece) in enumerate(chain(*pairs)) if _begins(former, piece)]
    ends = [*starts[1:], *([len(pieces)] if starts else [])]
    return [slice(a, b) for a, b in zip(starts, ends, strict=True)]


def _begins(former, piece):
    """Whether a piece begins a word, after the piece `former`, which is empty at the beginning."""
    if _BYTE.fullmatch(former) and _BYTE.fullmatch(piece):
        return False
    if not former or piece.startswith((WORD_START, "<")) or former.startswith("<"):
        return True
    if former == WORD_START:  # a mark alone belongs to what follows
        return False
    return _has_no_spaces(former[-1]) or _has_no_spaces(piece[0])


def _has_no_spaces(letter):
    """Whether a letter is of a script that puts no spaces between words."""
    return any(first <= letter <= last for first, last in WITHOUT_SPACES) and letter != WORD_START


def _word(pieces):
    """What is written of the pieces of a word."""
    if pieces and all(map(_BYTE.fullmatch, pieces)):
        return bytes(int(piece[3:5], 16) for piece in pieces).decode("utf-8", "replace")
    return "".join(pieces).replace(WORD_START, "")


def merge_words(weights, row_pieces, column_pieces):
    """Merges attention scores between pieces into scores between words.

    The rows of a word are averaged and its columns summed, so that each row keeps its sum.

    Returns:
        The weights, the row words and the column words.
    """
    rows, columns = word_spans(row_pieces), word_spans(column_pieces)
    weights = np.stack([weights[span].mean(axis=0) for span in rows])
    weights = np.stack([weights[:, span].sum(axis=1) for span in columns], axis=1)
    names = [
        [_word(pieces[span]) for span in spans]
        for pieces, spans in ((row_pieces, rows), (column_pieces, columns))
    ]
    return weights, *names


def attention_of_sentence(translator, text, kind="cross", layer=None, head=None):
    """The attention scores of a trained model while it translates one sentence.

    Args:
        translator: what `keras_attention.load` gives for a run; its Keras model is `.model`.
        text: the source sentence.
        kind: "cross" (target rows, source columns), "encoder" or "decoder" (self-attention).
        layer: index from 0. By default the last but one, which aligns best (Garg et al. 2019).
        head: index from 0; None averages all heads.

    Returns:
        An `AttentionMap` between words.

    Raises:
        InputError: if the text is empty, or the model has no such kind, layer or head.
    """
    if kind not in KINDS:
        raise InputError(f"Unknown kind {kind!r}; expected one of {', '.join(KINDS)}.")
    model, tokenizer = translator.model, translator.tokenizer
    (source,) = translator.encode([text])
    if len(source) < 2:
        raise InputError("The text to plot is empty.")
    output = np.asarray(model.generate(pad([source]))["token_ids"])[0]
    special = model.special_ids
    target = [int(token) for token in output if token != special.padding]
    read = [special.start, *target[:-1]]
    scores = model.attention_scores(pad([source]), pad([read]))
    weights, title = choose_attention(scores, kind, layer, head)
    # An unknown word of the source is shown as it stands in the text.
    source = [*tokenizer.source.pieces(text)[: len(source) - 1], "<end>"]
    target, read = (
        [_label(tokenizer.target, token, special) for token in tokens] for tokens in (target, read)
    )
    pieces = {"cross": (target, source), "encoder": (source, source), "decoder": (read, read)}[kind]
    axes = {
        "cross": ("target", "source"),
        "encoder": ("source (query)", "source (key)"),
        "decoder": ("target (query)", "target (key)"),
    }[kind]
    return AttentionMap(*merge_words(weights, *pieces), title, *axes)


def choose_attention(scores, kind, layer, head):
    """Selects the scores (rows, columns) of one sentence by kind, layer and head, and names them.

    Args:
        scores: dict from a kind to a list of (1, H, rows, columns), one for each layer.
        kind: one of `KINDS`.
        layer: index from 0; None for the last but one.
        head: index from 0; None for the mean of all heads.

    Raises:
        InputError: if the model has no such kind, layer or head.
    """
    kinds = [name for name in KINDS if scores.get(name)]
    if not kinds:
        raise InputError("The model has no attention.")
    if kind not in kinds:
        raise InputError(f"The model has no {kind} attention; it has only {', '.join(kinds)}.")
    layers = len(scores[kind])
    layer = max(0, layers - 2) if layer is None else layer
    _require_one_of("layer", layer, layers)
    weights = np.asarray(scores[kind][layer], dtype="float32")[0]  # (H, rows, columns)
    heads = len(weights)
    if head is not None:
        _require_one_of("head", head, heads)
    name = "encoder-decoder attention" if kind == "cross" else f"{kind} self-attention"
    parts = [name]
    if layers > 1:
        parts.append(f"layer {layer}")
    if heads > 1:
        parts.append("mean of heads" if head is None else f"head {head}")
    return weights.mean(axis=0) if head is None else weights[head], ", ".join(parts)


def _require_one_of(name, index, total):
    if not 0 <= index < total:
        has = f"{name} 0 only" if total == 1 else f"{name}s 0 to {total - 1}"
        raise InputError(f"There is no {name} {index}; the model has {has}.")


def _label(processor, token, special):
    names = {special.start: "<start>", **dict.fromkeys(special.ends, "<end>")}
    return names.get(token) or processor.id_to_piece(token)


def plot_attention(attentions):
    """A matplotlib figure with a heatmap for each sentence. The columns' words are at the top.

    Args:
        attentions: an `AttentionMap` or a list of them. Each gets a panel, two side by side.

    Returns:
        `matplotlib.figure.Figure`; no window system is needed.

    Raises:
        ValueError: if the list is empty.
    """
    from matplotlib.figure import Figure

    attentions = [attentions] if isinstance(attentions, AttentionMap) else list(attentions)
    require(attentions, "attentions", "at least one", attentions=attentions)
    attentions = [
        dataclasses.replace(each, rows=drawn_labels(each.rows), columns=drawn_labels(each.columns))
        for each in attentions
    ]
    columns = min(2, len(attentions))
    title, panel_titles = _titles(attentions)
    sizes = np.array([_panel_size(*pair) for pair in zip(attentions, panel_titles, strict=True)])
    widths = [sizes[column::columns, 0].max() for column in range(columns)]
    heights = [sizes[i : i + columns, 1].max() for i in range(0, len(sizes), columns)]
    # As wide as the title needs, with room for the colour bar beside the panels.
    width = max(sum(widths) + 1.2, 0.1 * len(title) + 0.5)
    figure = Figure(figsize=(width, sum(heights) + 0.5), layout="constrained")
    grid = figure.add_gridspec(
        len(heights), columns, width_ratios=widths, height_ratios=heights, hspace=0.05, wspace=0.05
    )
    panels = [figure.add_subplot(grid[divmod(i, columns)]) for i in range(len(attentions))]
    for axes, attention, panel_title in zip(panels, attentions, panel_titles, strict=True):
        image = _draw(axes, attention)
        axes.set_title(panel_title)
    # "N": the panels of a row begin at one height.
    figure.colorbar(image, ax=panels, panchor="N", label="attention weight", shrink=0.8, aspect=30)
    figure.suptitle(title)
    use_fonts(figure)
    return figure


def _titles(attentions):
    """The title of the whole figure, which may be empty, and that of each panel."""
    if len(attentions) == 1:
        return attentions[0].title, [""]
    names = ascii_lowercase if len(attentions) <= len(ascii_lowercase) else count(1)
    letters = [f"({name})" for name, _ in zip(names, attentions, strict=False)]
    if len({attention.title for attention in attentions}) == 1:
        return attentions[0].title, letters
    return "", [
        f"{letter} {attention.title}".replace(", ", ",\n")
        for letter, attention in zip(letters, attentions, strict=True)
    ]


def _panel_size(attention, title):
    """Width and height in inches that leave room for every word of a panel."""
    rows, columns = attention.weights.shape
    lines = title.split("\n")
    longest_row, longest_column, longest_line = (
        max(map(len, texts)) for texts in (attention.rows, attention.columns, lines)
    )
    width = 0.8 + 0.09 * longest_row + max(CELL * columns, 0.11 * longest_line)
    return width, 0.6 + 0.2 * len(lines) + 0.08 * longest_column + CELL * rows


def _draw(axes, attention):
    rows, columns = attention.weights.shape
    image = axes.imshow(attention.weights, cmap="Blues", vmin=0, vmax=1)
    # A "$" in a sentence is a dollar, not the beginning of a formula.
    axes.set_xticks(
        range(columns),
        attention.columns,
        rotation=60,
        ha="left",
        rotation_mode="anchor",
        parse_math=False,
    )
    axes.set_yticks(range(rows), attention.rows, parse_math=False)
    axes.xaxis.set_ticks_position("top")
    axes.xaxis.set_label_position("top")
    axes.set_xlabel(attention.column_axis)
    axes.set_ylabel(attention.row_axis)
    axes.set_xticks(np.arange(columns + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(rows + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1)
    axes.tick_params(which="both", length=0)
    return image


def save_attention_plot(attentions, path, force=False):
    """Writes `plot_attention` as a PNG file, complete or not at all.

    Raises:
        InputError: if `path` exists and `force` is not given.
        ValueError: if there is no attention.
    """
    save_figure(plot_attention(attentions), path, force)
