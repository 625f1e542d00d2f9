"""Whatever a word or a name holds, the picture shows it: no raw error, no other line, no box."""

import io
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from keras_attention.visualization import (
    AttentionMap,
    plot_attention,
    plot_confusion,
    plot_lengths,
)
from keras_attention.visualization.attention_plot import word_spans
from keras_attention.visualization.drawn_labels import drawn_labels
from keras_attention.visualization.encoder_attention import plot_attention_grid
from keras_attention.visualization.save_figure import save_figure

HOSTILE = ["\x1b[31mred", "a\nb", "nul\0", "\ud800", "\u202eabc", "\x85", "\u2029", "$x^$", "\t"]
SHOWN = ["\\x1b[31mred", "a\\nb", "nul\\x00", "\\ud800", "\\u202eabc", "\\x85", "\\u2029"]
SHOWN += ["$x^$", "\\t"]
ROW = [dict(mean_length=3.0, bleu=10.0)]


def square(words):
    return np.full((len(words), len(words)), 1 / len(words), "float32")


PLOTS = {
    "attention": lambda words: plot_attention(
        [AttentionMap(square(words), words, words, "t", "row", "column")] * 2
    ),
    "grid": lambda words: plot_attention_grid([square(words)[None]], words, words[0]),
    "confusion": lambda words: plot_confusion(np.eye(len(words), dtype=int), words),
    "lengths": lambda words: plot_lengths({word: ROW for word in words}),
}


@pytest.mark.parametrize("name", PLOTS)
def test_what_no_picture_can_show_is_escaped(name):
    figure = PLOTS[name](HOSTILE)
    data = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_figure(figure, data)
    texts = {text.get_text() for text in figure.findobj(Text)}
    assert set(SHOWN) <= texts and not set(HOSTILE[:-2]) & texts
    assert len(data.getvalue()) > 1000


def test_joiners_and_other_letters_stay():
    texts = [
        "می\u200cخواهم",
        "क्\u200dष",
        "👩\u200d💻",
        "naïve",
        "▁今日",
        "a\u00adb",
        "\u00a0",
        "\u200f",
    ]
    assert drawn_labels(texts) == texts
    assert drawn_labels([]) == []


@given(st.lists(st.text(max_size=5), max_size=4))
def test_labels_are_one_line_of_what_utf_8_can_hold(texts):
    found = drawn_labels(texts)
    assert len(found) == len(texts)
    for label in found:
        assert len(label.splitlines()) <= 1 and "\0" not in label and "\x1b" not in label
        label.encode()
    assert drawn_labels(found) == found


@settings(max_examples=10)
@given(st.text(min_size=1, max_size=6))
def test_any_name_can_be_drawn(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # characters that no font here has
        save_figure(plot_confusion(np.eye(1, dtype=int), [name]), io.BytesIO())


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        (["▁ｶﾞｲﾄﾞ", "ﾌﾞｯｸ", "▁ok"], [1, 1, 1]),  # kana of half the width
        (["▁A", "ｶﾅ", "B"], [1, 1, 1]),
        (["▁ㄅㄆ", "ㄇ"], [1, 1]),  # Bopomofo
        (["▁한국", "어"], [2]),
        (["▁ㅎㅎ", "ㅎ"], [2]),  # letters of Hangul alone
        (["▁שלו", "ם", "▁עולם"], [2, 1]),
        (["▁سل", "ام"], [2]),
    ],
)
def test_words_of_more_scripts(pieces, words):
    assert [part.stop - part.start for part in word_spans(pieces)] == words


def ink(text):
    """How much of each column of a picture of a text is drawn, from its first letter to its last.

    In the font that matplotlib brings, which has Hebrew and Arabic letters.
    """
    figure = Figure(figsize=(4, 1))
    (label,) = drawn_labels([text])
    figure.text(0.1, 0.3, label, fontsize=30, fontfamily="DejaVu Sans", parse_math=False)
    data = io.BytesIO()
    figure.savefig(data, dpi=100)
    dark = 255 - np.asarray(Image.open(data).convert("L"), int)
    columns = np.flatnonzero(dark.sum(axis=0))
    return dark[:, columns[0] : columns[-1] + 1]


def test_right_to_left_text_is_drawn_from_the_right():
    """Shin is wide and Yod is narrow: what is written first stands at the right."""
    wide, both = ink("ש"), ink("שי")
    np.testing.assert_array_equal(both[:, -wide.shape[1] :] > 128, wide > 128)
    latin, after = ink("W"), ink("Wi")
    np.testing.assert_array_equal(after[:, : latin.shape[1]] > 128, latin > 128)


def test_a_number_in_right_to_left_text_runs_from_the_left():
    one, text = ink("1"), ink("ש 12")
    middle = text[:, : one.shape[1]] > 128  # the number stands left of the letter, 1 left of 2
    np.testing.assert_array_equal(middle, one > 128)


def test_arabic_letters_are_joined():
    """A mark that keeps letters apart makes them wider than they are in a word."""
    joined, apart = ink("ببب"), ink("ب\u200cب\u200cب")
    assert joined.shape[1] < apart.shape[1]
