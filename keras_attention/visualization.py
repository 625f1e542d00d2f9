"""Pictures of attention."""

import dataclasses
import io

import numpy as np

from keras_attention._validation import InputError
from keras_attention.files import refuse_existing, write_atomically
from keras_attention.text.sentencepiece_processor import pad
from keras_attention.token_ids import END_ID, PADDING_ID, START_ID

WORD_START = "\u2581"  # SentencePiece's mark of a word's first piece
KINDS = ("cross", "encoder", "decoder")


@dataclasses.dataclass
class Attention:
    """Who attends to whom: `weights` (rows, columns), with a label for each row and column."""

    weights: np.ndarray
    rows: list
    columns: list
    title: str
    row_axis: str
    column_axis: str


def word_spans(pieces):
    """The slices of `pieces` that make up one word each; special tokens stand alone.

    >>> word_spans(["\u2581drei", "hundert", "\u2581Uhr"])
    [slice(0, 2), slice(2, 3)]
    """
    starts = [
        index
        for index, piece in enumerate(pieces)
        if index == 0 or piece.startswith((WORD_START, "<")) or pieces[index - 1].startswith("<")
    ]
    return [slice(a, b) for a, b in zip(starts, [*starts[1:], len(pieces)], strict=True)]


def merge_words(weights, row_pieces, column_pieces):
    """Attention between words from that between pieces: rows averaged, columns summed.

    Each row keeps the sum of its weights.

    Returns:
        The weights, the row words and the column words.
    """
    rows, columns = word_spans(row_pieces), word_spans(column_pieces)
    weights = np.stack([weights[span].mean(axis=0) for span in rows])
    weights = np.stack([weights[:, span].sum(axis=1) for span in columns], axis=1)
    names = [
        ["".join(pieces[span]).replace(WORD_START, "") for span in spans]
        for pieces, spans in ((row_pieces, rows), (column_pieces, columns))
    ]
    return weights, *names


def attention_of_sentence(translator, text, kind="cross", layer=None, head=None):
    """The attention of a trained model while it translates one sentence.

    Args:
        translator: from `keras_attention.load` of a run: its Keras model is `.model`.
        text: the source sentence.
        kind: "cross" (target rows, source columns), "encoder" or "decoder" (self-attention).
        layer: index from 0; the last but one by default, which aligns best (Garg et al. 2019).
        head: index from 0; None averages all heads.

    Returns:
        An `Attention`, pieces merged to words.

    Raises:
        InputError: if the text is empty, or the kind, layer or head does not exist.
    """
    model, tokenizer = translator.model, translator.tokenizer
    if kind not in KINDS:
        raise InputError(f"Unknown kind {kind!r}; expected one of {', '.join(KINDS)}.")
    layer = max(0, model.num_layers - 2) if layer is None else layer
    for name, value, count in (("layer", layer, model.num_layers), ("head", head, model.num_heads)):
        if value is not None and not 0 <= value < count:
            raise InputError(f"There is no {name} {value}; the model has {name}s 0 to {count - 1}.")
    (source,) = translator.encode([text])
    if len(source) < 2:
        raise InputError("The text to plot is empty.")
    output = np.asarray(model.generate(pad([source]))["token_ids"])[0]
    target = [int(token) for token in output if token != PADDING_ID]
    scores = model.attention_scores(pad([source]), pad([[START_ID, *target[:-1]]]))
    weights = np.asarray(scores[kind][layer])[0]  # (H, rows, columns)
    weights = weights.mean(axis=0) if head is None else weights[head]
    source_pieces = [_label(tokenizer.source, token) for token in source]
    target_pieces = [_label(tokenizer.target, token) for token in target]
    read_pieces = [_label(tokenizer.target, token) for token in [START_ID, *target[:-1]]]
    pieces = {
        "cross": (target_pieces, source_pieces),
        "encoder": (source_pieces, source_pieces),
        "decoder": (read_pieces, read_pieces),
    }[kind]
    axes = {
        "cross": ("target", "source"),
        "encoder": ("source (query)", "source (key)"),
        "decoder": ("target (query)", "target (key)"),
    }[kind]
    heads = "mean of heads" if head is None else f"head {head}"
    name = {"cross": "encoder-decoder attention"}.get(kind, f"{kind} self-attention")
    title = f"{name}, layer {layer}, {heads}"
    return Attention(*merge_words(weights, *pieces), title, *axes)


def _label(processor, token):
    return {START_ID: "<start>", END_ID: "<end>"}.get(token) or processor.id_to_piece(token)


def plot_attention(attention):
    """A matplotlib figure: a heatmap with the columns' words along the top.

    Args:
        attention: an `Attention`.

    Returns:
        `matplotlib.figure.Figure`, made without any window system.
    """
    from matplotlib.figure import Figure

    rows, columns = attention.weights.shape
    figure = Figure(figsize=(2.2 + 0.42 * columns, 2.2 + 0.38 * rows), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(attention.weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(columns), attention.columns, rotation=60, ha="left")
    axes.set_yticks(range(rows), attention.rows)
    axes.xaxis.set_ticks_position("top")
    axes.xaxis.set_label_position("top")
    axes.set_xlabel(attention.column_axis)
    axes.set_ylabel(attention.row_axis)
    axes.set_xticks(np.arange(columns + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(rows + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1)
    axes.tick_params(which="both", length=0)
    figure.colorbar(image, ax=axes, label="attention weight", shrink=0.8)
    figure.suptitle(attention.title)
    return figure


def save_attention_plot(attention, path, force=False):
    """Writes `plot_attention` as a PNG file, complete or not at all.

    Raises:
        InputError: if `path` exists and `force` is not given.
    """
    refuse_existing(path, force)
    data = io.BytesIO()
    plot_attention(attention).savefig(data, format="png", dpi=150)
    write_atomically(path, data.getvalue())
