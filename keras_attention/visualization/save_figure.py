"""A picture as a PNG file."""

import io

from keras_attention.files import refuse_existing, write_output


def save_figure(figure, path, force=False):
    """Writes a matplotlib figure as a PNG file, complete or not at all.

    Args:
        figure: `matplotlib.figure.Figure`.
        path: of the file.
        force: whether an existing file may be overwritten.

    Raises:
        InputError: if `path` exists and `force` is not given, also where it appears meanwhile.
    """
    refuse_existing(path, force)
    data = io.BytesIO()
    # "tight": the layout alone cuts the axis label off beside a long word.
    figure.savefig(data, format="png", dpi=150, bbox_inches="tight", pad_inches=0.15)
    write_output(path, data.getvalue(), force)
