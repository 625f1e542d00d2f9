"""Characters that a picture's font lacks, and words of languages without spaces."""

import warnings

import numpy as np
import pytest
from matplotlib.text import Text

from keras_attention.visualization import AttentionMap, fonts, merge_words, plot_attention
from keras_attention.visualization.attention_plot import word_spans
from keras_attention.visualization.save_figure import MOST_PIXELS, dots, save_figure


def plotted(words):
    weights = np.full((len(words), len(words)), 1 / len(words), "float32")
    return plot_attention(AttentionMap(weights, words, words, "title", "row", "column"))


def families(figure):
    return {tuple(text.get_fontfamily()) for text in figure.findobj(Text) if text.get_text()}


def test_other_scripts_are_drawn_by_fonts_that_have_them(monkeypatch):
    """As if the default font had letters alone; the font of signs has the others."""
    real = fonts._characters
    letters = frozenset("abcdefghijklmnopqrstuvwxyz .0123456789")
    default = fonts._default().get_file()
    monkeypatch.setattr(fonts, "_characters", lambda p: letters if p == default else real(p))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = families(plotted(["drei", "سلام", "שלום"]))
    (names,) = found
    assert names[0] == fonts._default().get_name() and len(names) > 1


def test_a_script_that_no_font_has_names_the_package(monkeypatch, tmp_path):
    monkeypatch.setattr(fonts, "_installed", lambda: [])
    said = "No font of this machine has は and 2 others of the picture.*package fonts-noto-cjk"
    with pytest.warns(UserWarning, match=said) as warned:
        save_figure(plotted(["今日は", "drei"]), tmp_path / "a.png")
    # matplotlib, which warns of each of them, says nothing more.
    assert len(warned) == 1 and (tmp_path / "a.png").stat().st_size > 1000


def test_latin_text_asks_for_nothing(monkeypatch):
    monkeypatch.setattr(fonts, "_installed", lambda: pytest.fail("fonts are looked for"))
    plotted(["Straße", "naïve", "…"])


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        (["▁今日", "は", "天気", "▁ok", "ay"], ["今日", "は", "天気", "okay"]),
        (["▁", "雪", "▁a"], ["雪", "a"]),
        (["▁GPT", "モデル", "s"], ["GPT", "モデル", "s"]),
        (["▁สวัส", "ดี"], ["สวัส", "ดี"]),
        (["▁안녕", "하세요"], ["안녕하세요"]),  # which has spaces
        (["▁a", "<0xE9>", "<0x9B>", "<0xAA>", "b", "</s>"], ["a", "雪", "b", "</s>"]),
        (["<0xFF>", "▁x"], ["\ufffd", "x"]),
    ],
)
def test_words_of_languages_without_spaces(pieces, words):
    weights = np.eye(len(pieces), dtype="float32")
    merged, rows, columns = merge_words(weights, pieces, pieces)
    assert rows == columns == words
    np.testing.assert_allclose(merged.sum(axis=1), 1, rtol=1e-6)
    assert [part.stop for part in word_spans(pieces)][-1] == len(pieces)


def test_no_pieces_are_no_words():
    assert word_spans([]) == []


def test_a_long_text_is_drawn_with_fewer_dots():
    class Sized:
        def __init__(self, inches):
            self.inches = inches

        def get_size_inches(self):
            return self.inches, self.inches

    assert dots(Sized(6)) == 150
    assert (dots(Sized(184)) * 184) ** 2 == pytest.approx(MOST_PIXELS)
