"""BLEU by the length of the source sentence, as in Bahdanau, Cho & Bengio 2015, figure 2."""

import numpy as np

from keras_attention._validation import require, require_positive_integer
from keras_attention.training.translation_scores import require_bleu_tokenizer, translation_scores
from keras_attention.visualization.drawn_labels import drawn_labels
from keras_attention.visualization.fonts import use_fonts
from keras_attention.visualization.save_figure import save_figure

MARKERS = "osD^vPX*"


def bleu_by_length(translations, sources, references, bins=4, tokenize="13a", lowercase=False):
    """Corpus BLEU for each of a few ranges of source length, shortest first.

    The ranges hold nearly equal numbers of sentences. Sentences of one length stay together.
    Lengths are counted in words, which whitespace separates.

    Args:
        translations: list of N strings.
        sources: list of N strings.
        references: list of N strings.
        bins: number of ranges at most. Empty ranges are left out.
        tokenize: see `keras_attention.training.translation_scores`.
        lowercase: whether case is ignored.

    Returns:
        A list of dicts: "lower" and "upper" (the lengths of the shortest and the longest sentence),
        "mean_length", "sentences" (their number) and "bleu".

    Raises:
        ValueError: if the lists are empty or differ in length, or `bins` or `tokenize` is unusable.

    >>> [row] = bleu_by_length(["das Haus ist sehr klein"], ["x y"], ["das Haus ist sehr klein"])
    >>> row["lower"], row["upper"], row["sentences"]
    (2, 2, 1)
    """
    counts = {
        "translations": len(translations),
        "sources": len(sources),
        "references": len(references),
    }
    same = len(set(counts.values())) == 1
    require(
        same and sources, "translations", "as many as sources and references, not none", **counts
    )
    require_positive_integer("bins", bins)
    require_bleu_tokenizer("tokenize", tokenize)
    lengths = np.array([len(source.split()) for source in sources])
    rows = []
    for members in length_bins(lengths, bins):
        scores = translation_scores(
            [translations[i] for i in members],
            [references[i] for i in members],
            tokenize,
            lowercase,
        )
        rows.append(
            {
                "lower": int(lengths[members].min()),
                "upper": int(lengths[members].max()),
                "mean_length": float(lengths[members].mean()),
                "sentences": len(members),
                "bleu": scores["bleu"],
            }
        )
    return rows


def length_bins(lengths, bins):
    """The indices of the sentences in each bin, an array for each bin that is not empty.

    Bins come in order of length. With all sentences sorted by length, those of one length go to the
    bin in which their middle one is.

    Args:
        lengths: (N,) integers.
        bins: number of equal parts.
    """
    _, which, counts = np.unique(lengths, return_inverse=True, return_counts=True)
    # Twice the middle, so that all are integers.
    bin_of_length = (2 * np.cumsum(counts) - counts) * bins // (2 * len(lengths))
    bin_of_sentence = bin_of_length[which]
    return [np.flatnonzero(bin_of_sentence == index) for index in np.unique(bin_of_length)]


def plot_lengths(curves):
    """A matplotlib figure with a line for each model and a marker at each range's mean length.

    Args:
        curves: dict from a model's name to the result of `bleu_by_length`.

    Returns:
        `matplotlib.figure.Figure`; no window system is needed.

    Raises:
        ValueError: if there is no curve.
    """
    from matplotlib.figure import Figure

    require(curves, "curves", "at least one", curves=curves)
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    highest = max(row["bleu"] for rows in curves.values() for row in rows)
    for index, rows in enumerate(curves.values()):
        axes.plot(
            [row["mean_length"] for row in rows],
            [row["bleu"] for row in rows],
            marker=MARKERS[index % len(MARKERS)],  # told apart without colour, too
            clip_on=False,  # a marker at 0 is seen whole
            zorder=3,
        )
    legend = axes.legend(axes.get_lines(), [str(index) for index in range(len(curves))])
    for text, name in zip(legend.get_texts(), drawn_labels(curves), strict=True):
        # Only now: as a label, a name that begins with "_" would be left out.
        text.set(text=name, parse_math=False)
    axes.set_xlabel("source length (words)")
    axes.set_ylabel("BLEU")
    axes.set_ylim(0, 1.1 * max(highest, 1))
    axes.grid(color="0.9")
    use_fonts(figure)
    return figure


def save_length_plot(curves, path, force=False):
    """Writes `plot_lengths` as a PNG file, complete or not at all.

    Raises:
        InputError: if `path` exists and `force` is not given.
        ValueError: if there is no curve.
    """
    save_figure(plot_lengths(curves), path, force)
