"""A picture as a PNG file."""

import io

from keras_attention.files import refuse_existing, write_output

DOTS = 150  # an inch
MOST_PIXELS = 12_000_000  # of which matplotlib keeps several copies of four bytes each


def dots(figure):
    """Dots an inch with which a figure is drawn: fewer of one that would not fit into memory."""
    width, height = figure.get_size_inches()
    return min(DOTS, (MOST_PIXELS / (width * height)) ** 0.5)


def save_figure(figure, path, force=False):
    """Writes a matplotlib figure as a PNG file, complete or not at all.

    Args:
        figure: `matplotlib.figure.Figure`.
        path: of the file, or a file of bytes that is open.
        force: whether an existing file may be overwritten.

    Raises:
        InputError: if `path` exists and `force` is not given, also where it appears meanwhile.
    """
    is_open = hasattr(path, "write")
    if not is_open:
        refuse_existing(path, force)
    data = io.BytesIO()
    # "tight": the layout alone cuts the axis label off beside a long word.
    figure.savefig(data, format="png", dpi=dots(figure), bbox_inches="tight", pad_inches=0.15)
    if is_open:
        path.write(data.getvalue())
    else:
        write_output(path, data.getvalue(), force)
