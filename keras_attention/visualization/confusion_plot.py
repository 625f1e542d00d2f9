"""A picture of a confusion matrix."""

import numpy as np

from keras_attention._validation import require
from keras_attention.visualization.drawn_labels import drawn_labels
from keras_attention.visualization.fonts import use_fonts
from keras_attention.visualization.save_figure import save_figure

CELL = 0.6  # inches from one class to the next
LONGEST = 40  # characters of a class name that are drawn
MOST = 30  # classes that are drawn, with a cell of each pair of them


def plot_confusion(confusion, names):
    """A matplotlib figure of a confusion matrix. Rows are true classes, columns predicted ones.

    Each cell shows a count. Its colour shows the count's share of the row. Of more than 30 classes
    those are drawn that are confused most often, and the title says so.

    Args:
        confusion: integers (C, C), as `classification_scores` gives them.
        names: list of C strings.

    Returns:
        `matplotlib.figure.Figure`; no window system is needed.

    Raises:
        ValueError: if the matrix is not square, with a row for each name.
    """
    from matplotlib.figure import Figure

    confusion = np.asarray(confusion)
    size = len(names)
    require(
        size and confusion.shape == (size, size),
        "confusion",
        "a square matrix with a row for each of `names`",
        confusion=confusion.shape,
        names=names,
    )
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    title = ""
    if size > MOST:
        kept = most_confused(confusion, MOST)
        title = f"the {MOST} of {size:,} classes that are confused most often"
        names, size = [names[index] for index in kept], MOST
        confusion, shares = (values[np.ix_(kept, kept)] for values in (confusion, shares))
    shown = [_cut(name) for name in drawn_labels(names)]
    cell = max(CELL, 0.1 * len(f"{confusion.max():,}") + 0.2)
    margin = 0.085 * max(map(len, shown))
    figure = Figure(
        figsize=(max(2.4 + margin + cell * size, 4), 1.4 + 0.85 * margin + cell * size),
        layout="constrained",
    )
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    # A "$" in a name is a dollar, not the beginning of a formula.
    slant = dict(rotation=60, ha="left", rotation_mode="anchor")
    fits = 0.1 * max(map(len, shown)) <= cell
    axes.set_xticks(range(size), shown, parse_math=False, **({} if fits else slant))
    axes.set_yticks(range(size), shown, parse_math=False)
    axes.xaxis.set_ticks_position("top")
    axes.xaxis.set_label_position("top")
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_xticks(np.arange(size + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(size + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="0.85", linewidth=1)
    axes.tick_params(which="both", length=0)
    for row, column in np.ndindex(size, size):
        dark = shares[row, column] > 0.55
        axes.text(
            column,
            row,
            f"{confusion[row, column]:,}",
            ha="center",
            va="center",
            color="white" if dark else "black" if confusion[row, column] else "0.6",
        )
    figure.colorbar(image, ax=axes, label="share of the true class", shrink=0.8, aspect=30)
    figure.suptitle(title)
    use_fonts(figure)
    return figure


def most_confused(confusion, count):
    """The indices, in order, of the classes that are most often taken for others, or others for
    them.

    Args:
        confusion: integers (C, C).
        count: how many, at most C.

    >>> most_confused(np.array([[9, 0, 1], [0, 9, 0], [2, 0, 9]]), 2)
    array([0, 2])
    """
    wrong = confusion - np.diag(np.diag(confusion))
    errors = wrong.sum(axis=0) + wrong.sum(axis=1)
    return np.sort(np.argsort(-errors, kind="stable")[:count])


def _cut(name):
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


def save_confusion_plot(confusion, names, path, force=False):
    """Writes `plot_confusion` as a PNG file, complete or not at all.

    Raises:
        InputError: if `path` exists and `force` is not given.
        ValueError: if `confusion` and `names` do not fit.
    """
    save_figure(plot_confusion(confusion, names), path, force)
