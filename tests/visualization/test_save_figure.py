import os

import pytest

from keras_attention._validation import InputError
from keras_attention.visualization.save_figure import save_figure


class Slow:
    """In the place of a figure: while it is drawn something appears at its path."""

    def __init__(self, appears):
        self.appears = appears

    def get_size_inches(self):
        return 4, 3

    def savefig(self, file, **options):
        file.write(b"picture")
        self.appears()


@pytest.mark.parametrize("force", [False, True])
def test_what_appears_while_a_picture_is_drawn_is_kept(tmp_path, force):
    path = tmp_path / "a.png"
    appears = (lambda: os.mkfifo(path)) if force else (lambda: path.write_text("mine"))
    with pytest.raises(InputError, match="a.png .* What was to be written is ") as caught:
        save_figure(Slow(appears), path, force)
    (kept,) = (one for one in tmp_path.iterdir() if one != path)
    assert str(caught.value).endswith(f" is {kept}.")
    assert kept.read_bytes() == b"picture"
    assert path.is_fifo() if force else path.read_text() == "mine"


def test_a_picture_takes_the_place_of_a_file(tmp_path):
    path = tmp_path / "a.png"
    save_figure(Slow(lambda: path.write_text("mine")), path, force=True)
    assert path.read_bytes() == b"picture"
    assert os.listdir(tmp_path) == ["a.png"]
