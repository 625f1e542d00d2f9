"""Pictures of a language model's attention over a prompt; a window is a band in them."""

from types import SimpleNamespace

import numpy as np
import pytest

from keras_attention._validation import InputError
from keras_attention.models import GPT, LanguageModel
from keras_attention.visualization import (
    attention_of_prompt,
    plot_attention,
    prompt_scores,
    save_attention_grid,
)


class Letters:
    """A tokenizer whose tokens are letters."""

    def encode(self, texts):
        return SimpleNamespace(token_ids=[[ord(c) - ord("a") for c in text] for text in texts])

    def pieces(self, ids):
        return [chr(ord("a") + token_id) for token_id in ids]


TEXT = "abcabdabe"


@pytest.fixture(scope="module")
def model():
    return GPT(
        26,
        num_layers=2,
        num_heads=3,
        hidden_dim=12,
        max_sequence_length=12,
        attention_types=("local", "global"),
        sliding_window=3,
    )


def test_scores_between_tokens(model):
    layers, pieces = prompt_scores(model, Letters(), TEXT)
    assert pieces == list(TEXT)
    assert [scores.shape for scores in layers] == [(3, 9, 9)] * 2
    for scores in layers:
        np.testing.assert_allclose(scores.sum(axis=-1), 1, atol=1e-5)


def test_the_band_is_seen(model):
    distances = np.subtract.outer(np.arange(9), np.arange(9))
    band = (distances >= 0) & (distances < 3)
    local = attention_of_prompt(model, Letters(), TEXT, layer=0, head=1)
    np.testing.assert_array_equal(local.weights > 1e-6, band)
    assert local.title == "decoder self-attention, layer 0, head 1, window of 3"
    dense = attention_of_prompt(model, Letters(), TEXT, layer=1)
    np.testing.assert_array_equal(dense.weights > 1e-6, distances >= 0)
    assert dense.title == "decoder self-attention, layer 1, mean of heads"
    assert attention_of_prompt(model, Letters(), TEXT).title.startswith(
        "decoder self-attention, layer 0"
    )
    # In the picture too: what lies outside the band has the colour of nothing.
    (axes, _) = plot_attention(local).axes
    colours = axes.images[0].to_rgba(axes.images[0].get_array())
    nothing = axes.images[0].to_rgba(np.zeros((1, 1)))[0, 0]
    np.testing.assert_array_equal((colours != nothing).any(axis=-1), band)


def test_the_grid_is_a_file(model, tmp_path):
    save_attention_grid(*prompt_scores(model, Letters(), TEXT), tmp_path / "grid.png")
    assert (tmp_path / "grid.png").read_bytes().startswith(b"\x89PNG")


def test_long_and_empty_texts(model):
    with pytest.warns(UserWarning, match="longer than 12 tokens; only its beginning is drawn"):
        _, pieces = prompt_scores(model, Letters(), 3 * TEXT)
    assert len(pieces) == 12
    with pytest.raises(InputError, match="The text to plot is empty"):
        prompt_scores(model, Letters(), "")
    with pytest.raises(InputError, match="There is no layer 2; the model has layers 0 to 1"):
        attention_of_prompt(model, Letters(), TEXT, layer=2)
    silent = SimpleNamespace(
        max_sequence_length=9, attention_scores=lambda inputs: LanguageModel.attention_scores(0, 0)
    )
    with pytest.raises(InputError, match="The model has no attention"):
        prompt_scores(silent, Letters(), TEXT)
