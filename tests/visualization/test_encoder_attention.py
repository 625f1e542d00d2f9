import numpy as np
import pytest

from keras_attention._validation import InputError
from keras_attention.models import BertEncoder
from keras_attention.text import WordPieceTokenizer
from keras_attention.visualization import (
    attention_of_text,
    encoder_scores,
    plot_attention_grid,
    save_attention_grid,
)

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = ["[CLS]", "the", "unaffable", "cat", "[SEP]"]


@pytest.fixture(scope="module")
def tokenizer():
    return WordPieceTokenizer([*SPECIAL, "the", "un", "##aff", "##able", "cat", "##", "#"])


@pytest.fixture(scope="module")
def model(tokenizer):
    return BertEncoder(
        tokenizer.vocabulary_size,
        num_layers=2,
        num_heads=3,
        hidden_dim=12,
        intermediate_dim=8,
        max_sequence_length=16,
    )


def test_a_long_text_is_cut_and_that_is_said(model, tokenizer):
    with pytest.warns(UserWarning, match="longer than 4 tokens; only its beginning is drawn"):
        _, words = encoder_scores(model, tokenizer, "the cat the cat", max_length=4)
    assert words == ["[CLS]", "the", "cat", "[SEP]"]


def test_pieces_are_merged_to_words(model, tokenizer):
    layers, words = encoder_scores(model, tokenizer, "the unaffable cat")
    assert words == WORDS
    assert [layer.shape for layer in layers] == [(3, 5, 5)] * 2
    for layer in layers:
        np.testing.assert_allclose(layer.sum(axis=-1), 1, rtol=1e-5)
    ids = np.array([[2, 5, 6, 7, 8, 9, 3]])
    inputs = {"token_ids": ids, "segment_ids": 0 * ids, "padding_mask": 1 + 0 * ids}
    pieces = np.asarray(model.attention_scores(inputs)[1])[0, 2]  # (7, 7)
    np.testing.assert_allclose(layers[1][2][0, 2], pieces[0, 2:5].sum(), rtol=1e-5)
    np.testing.assert_allclose(layers[1][2][2, 1], pieces[2:5, 1].mean(), rtol=1e-5)


def test_pairs_and_marks_that_are_words(model, tokenizer):
    _, words = encoder_scores(model, tokenizer, "cat", "the cat")
    assert words == ["[CLS]", "cat", "[SEP]", "the", "cat", "[SEP]"]


def test_one_head_and_the_mean_of_all(model, tokenizer):
    layers, _ = encoder_scores(model, tokenizer, "the unaffable cat")
    one = attention_of_text(model, tokenizer, "the unaffable cat", layer=1, head=2)
    np.testing.assert_array_equal(one.weights, layers[1][2])
    assert one.title == "encoder self-attention, layer 1, head 2"
    assert (one.rows, one.columns) == (WORDS, WORDS)
    mean = attention_of_text(model, tokenizer, "the unaffable cat")
    np.testing.assert_allclose(mean.weights, layers[0].mean(axis=0), rtol=1e-6)


def test_the_grid_has_every_head_of_every_layer(model, tokenizer, tmp_path):
    layers, words = encoder_scores(model, tokenizer, "the unaffable cat")
    figure = plot_attention_grid(layers, words, "a title with $ and $")
    panels = [axes for axes in figure.axes if axes.images and axes.get_label() != "<colorbar>"]
    assert len(panels) == 6
    for index, axes in enumerate(panels):
        shown = axes.images[0].get_array()
        np.testing.assert_array_equal(shown, layers[index // 3][index % 3])
    assert [label.get_text() for label in panels[0].get_yticklabels()] == WORDS
    save_attention_grid(layers, words, tmp_path / "grid.png")
    with pytest.raises(InputError, match="grid.png already exists"):
        save_attention_grid(layers, words, tmp_path / "grid.png")


def test_what_cannot_be_drawn(model, tokenizer):
    with pytest.raises(InputError, match="The text to plot is empty"):
        encoder_scores(model, tokenizer, "  ")
    with pytest.raises(InputError, match="There is no head 3; the model has heads 0 to 2"):
        attention_of_text(model, tokenizer, "cat", head=3)
    with pytest.raises(ValueError, match="`layers` must be one or more"):
        plot_attention_grid([], [])
