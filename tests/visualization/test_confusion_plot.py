import numpy as np
import pytest

from keras_attention._validation import InputError
from keras_attention.visualization import plot_confusion, save_confusion_plot

LONG = ["Mean of transportation by road, rail, sea and air", "$5$ or less", "Film"]


def drawn(figure):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas.get_renderer()


def random_confusion(size):
    return np.random.default_rng(0).integers(0, 20000, (size, size))


def test_every_count_stands_in_its_cell_and_colours_are_shares_of_rows():
    confusion = [[9, 1, 0], [200, 600, 1200], [0, 0, 0]]
    axes, color_bar = plot_confusion(confusion, LONG).axes
    shares = [[0.9, 0.1, 0], [0.1, 0.3, 0.6], [0, 0, 0]]
    np.testing.assert_allclose(axes.images[0].get_array(), shares)
    assert axes.images[0].get_clim() == (0, 1)
    texts = {text.get_position(): text for text in axes.texts}
    assert len(texts) == 9
    for (column, row), text in texts.items():
        assert text.get_text() == f"{confusion[row][column]:,}"
        assert (text.get_color() == "white") == (shares[row][column] > 0.55)
    shown = [LONG[0][:39] + "…", *LONG[1:]]
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [label.get_text() for label in labels] == shown
        assert not any(label.get_parse_math() for label in labels)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true")
    assert color_bar.get_ylabel() == "share of the true class"


@pytest.mark.parametrize("size", [2, 3, 14])
@pytest.mark.parametrize("name", ["{}", "class {}", "a rather long name of the class {}"])
def test_all_can_be_read(size, name):
    figure = plot_confusion(random_confusion(size) * 100, [name.format(i) for i in range(size)])
    renderer = drawn(figure)
    axes = figure.axes[0]
    for labels in (axes.get_yticklabels(), axes.texts):
        boxes = [label.get_window_extent(renderer) for label in labels]
        assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    columns = axes.get_xticklabels()
    if not columns[0].get_rotation():  # slanted ones have boxes that overlap, and texts that do not
        boxes = [label.get_window_extent(renderer) for label in columns]
        assert not any(a.overlaps(b) for a, b in zip(boxes, boxes[1:], strict=False))
    width = axes.transData.transform([(0, 0), (1, 0)])
    cell = width[1, 0] - width[0, 0]
    assert all(text.get_window_extent(renderer).width < cell for text in axes.texts)


def test_the_file_is_written_once(tmp_path):
    path = tmp_path / "confusion.png"
    save_confusion_plot(random_confusion(3), LONG, path)
    assert path.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InputError, match="confusion.png already exists"):
        save_confusion_plot(random_confusion(3), LONG, path)
    save_confusion_plot(random_confusion(3), LONG, path, force=True)


@pytest.mark.parametrize("confusion, names", [(np.eye(3), ["a"]), ([[1, 2]], ["a", "b"]), ([], [])])
def test_what_is_no_square_is_refused(confusion, names):
    with pytest.raises(ValueError, match="`confusion` must be a square matrix with a row for each"):
        plot_confusion(confusion, names)


def test_of_many_classes_the_most_confused_are_drawn():
    confusion = 100 * np.eye(150, dtype=int)
    pairs = [(3, 149), (70, 20), (8, 9)]
    for rank, (true, predicted) in enumerate(pairs):
        confusion[true, predicted] = 10 - rank
    names = [f"{i} {'n' * 250}" for i in range(150)]
    axes, _ = (figure := plot_confusion(confusion, names)).axes
    assert figure.get_suptitle() == "the 30 of 150 classes that are confused most often"
    assert max(figure.get_size_inches()) < 30 and len(axes.texts) == 900
    shown = [int(label.get_text().split()[0]) for label in axes.get_yticklabels()]
    assert {index for pair in pairs for index in pair} <= set(shown) and shown == sorted(shown)
    row, column = shown.index(70), shown.index(20)
    (text,) = [t for t in axes.texts if t.get_position() == (column, row)]
    assert text.get_text() == "9"
    # A share is of all texts of the class, also those that are not drawn.
    assert axes.images[0].get_array()[row, column] == pytest.approx(9 / 109)
