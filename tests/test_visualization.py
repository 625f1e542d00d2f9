import numpy as np
import pytest

from keras_attention import load
from keras_attention._validation import InputError
from keras_attention.visualization import (
    Attention,
    attention_of_sentence,
    merge_words,
    plot_attention,
    save_attention_plot,
    word_spans,
)

TEXT = "The meeting ends at half past seven."


@pytest.fixture(scope="module")
def translator(run_directory):
    return load(run_directory)


def test_words_from_pieces():
    pieces = ["<start>", "\u2581drei", "hundert", "\u2581Uhr", ".", "<end>"]
    spans = [slice(0, 1), slice(1, 3), slice(3, 5), slice(5, 6)]
    assert word_spans(pieces) == spans


def test_rows_are_averaged_and_columns_summed():
    weights = np.array([[0.1, 0.2, 0.7], [0.5, 0.1, 0.4]])
    merged, rows, columns = merge_words(weights, ["\u2581a", "b"], ["\u2581c", "d", "\u2581e"])
    np.testing.assert_allclose(merged, [[0.45, 0.55]])
    assert (rows, columns) == (["ab"], ["cd", "e"])


@pytest.mark.parametrize("kind", ["cross", "encoder", "decoder"])
@pytest.mark.parametrize("head", [None, 1])
def test_every_row_of_a_real_models_attention_sums_to_one(translator, kind, head):
    attention = attention_of_sentence(translator, TEXT, kind=kind, layer=1, head=head)
    assert attention.weights.shape == (len(attention.rows), len(attention.columns))
    np.testing.assert_allclose(attention.weights.sum(1), 1, atol=1e-5)
    words = [*TEXT.split(), "<end>"]
    if kind in ("cross", "encoder"):
        assert attention.columns == words
    else:
        assert attention.rows == attention.columns
        assert attention.rows[0] == "<start>"
        assert attention.weights[0, 0] == pytest.approx(1)  # START sees itself alone
    assert "layer 1" in attention.title
    assert ("head 1" if head else "mean of heads") in attention.title


def test_what_does_not_exist_is_refused(translator):
    with pytest.raises(InputError, match="Unknown kind 'self'; expected one of cross, encoder"):
        attention_of_sentence(translator, TEXT, kind="self")
    with pytest.raises(InputError, match="There is no head 4; the model has heads 0 to 3"):
        attention_of_sentence(translator, TEXT, head=4)
    with pytest.raises(InputError, match="The text to plot is empty"):
        attention_of_sentence(translator, "")


def test_the_heatmap_shows_the_weights_and_every_word():
    weights = np.array([[0.9, 0.1, 0.0], [0.2, 0.3, 0.5]])
    attention = Attention(
        weights, ["das", "Haus"], ["the", "red", "house"], "t", "target", "source"
    )
    figure = plot_attention(attention)
    axes = figure.axes[0]
    np.testing.assert_array_equal(axes.images[0].get_array(), weights)
    assert [label.get_text() for label in axes.get_xticklabels()] == attention.columns
    assert [label.get_text() for label in axes.get_yticklabels()] == attention.rows


def test_a_file_is_not_overwritten_without_force(tmp_path):
    attention = Attention(np.eye(2), ["a", "b"], ["c", "d"], "t", "target", "source")
    path = tmp_path / "a.png"
    save_attention_plot(attention, path)
    data = path.read_bytes()
    with pytest.raises(InputError, match="already exists"):
        save_attention_plot(attention, path)
    save_attention_plot(attention, path, force=True)
    assert path.read_bytes() == data
