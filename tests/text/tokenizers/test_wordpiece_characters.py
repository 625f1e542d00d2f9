import unicodedata

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from keras_attention.text.tokenizers.word_splitter import MARKS, WordSplitter
from keras_attention.text.tokenizers.wordpiece_characters import rewrite, split_words
from tests.text.tokenizers.wordpiece_references import BERT_TEXTS

# Planes 4 to 13 are empty, and 15 and 16 for private use: their beginnings and ends will do.
CODES = [
    *range(0xD800),
    *range(0xE000, 0x32000),
    *range(0x3FFF0, 0x40010),
    *range(0xDFFF0, 0xE1000),
    *range(0xEFFF0, 0xF0010),
    *range(0xFFFF0, 0x100010),
    *range(0x10FFF0, 0x110000),
]


def reference_words(lowercase, strip_accents=None):
    normalizer = BertNormalizer(True, True, strip_accents, lowercase)
    splitter = BertPreTokenizer()

    def words(text):
        return [word for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text))]

    return words


def graph_words(texts, lowercase, strip_accents=None):
    words = WordSplitter(lowercase, strip_accents).split(tf.constant(texts, tf.string))
    return [[word.decode() for word in row] for row in words.to_list()]


@pytest.mark.parametrize("lowercase", [True, False])
def test_every_character_as_the_reference_has_it(lowercase):
    words = reference_words(lowercase)
    texts = [f"x{chr(code)}Y" for code in CODES]
    differing = {text[1] for text in texts if split_words(text, lowercase) != words(text)}
    # The one documented exception: capitals that this Python does not know.
    assert {unicodedata.category(character) for character in differing} <= {"Cn"}
    assert len(differing) < 100 if lowercase else not differing
    for character in differing:
        assert words(character)[0] != character == split_words(character, lowercase)[0]


@pytest.mark.parametrize(
    ("lowercase", "strip_accents"), [(True, None), (False, None), (True, False), (False, True)]
)
def test_the_graph_and_plain_python_agree_on_every_character(lowercase, strip_accents):
    marks = set(MARKS.values())
    texts = [f"x{chr(code)}Y" for code in CODES]
    found = graph_words(texts, lowercase, strip_accents)
    for text, words in zip(texts, found, strict=True):
        assert words == split_words(text, lowercase, strip_accents), text
        assert not marks & set("".join(words))


@pytest.mark.parametrize(
    ("lowercase", "strip_accents"), [(True, None), (False, None), (True, False), (False, True)]
)
def test_difficult_texts(lowercase, strip_accents):
    texts = [text for text in BERT_TEXTS if "[" not in text]  # words alone, no special tokens
    words = reference_words(lowercase, strip_accents)
    expected = [words(text) for text in texts]
    assert [split_words(text, lowercase, strip_accents) for text in texts] == expected
    shortened = [[w if len(w) <= 100 else MARKS["[UNK]"] for w in row] for row in expected]
    assert graph_words(texts, lowercase, strip_accents) == shortened


@given(st.text(max_size=40), st.booleans())
def test_any_text_in_the_graph(text, lowercase):
    assert graph_words([text.replace("[", "")], lowercase) == [
        split_words(text.replace("[", ""), lowercase)
    ]


def test_special_tokens_are_marks():
    texts = ["[CLS] x[MASK]y", "[PAD][UNK][SEP]", "[cls] \U0010fff8 [C\x00LS]"]
    assert graph_words(texts, True) == [
        [MARKS["[CLS]"], "x", MARKS["[MASK]"], "y"],
        [MARKS["[PAD]"], MARKS["[UNK]"], MARKS["[SEP]"]],
        ["[", "cls", "]", "[", "cls", "]"],
    ]


def test_a_character_in_each_way():
    assert rewrite("É", lowercase=True) == "e"
    assert rewrite("É", lowercase=True, strip_accents=False) == "é"
    assert rewrite("É", lowercase=False) == "É"
    assert rewrite("É", lowercase=False, strip_accents=True) == "E"
    assert rewrite("中", lowercase=False) == " 中 "
    assert rewrite("!", lowercase=True) == " ! "
    assert rewrite("\u3000", lowercase=True) == " "
    assert rewrite("\x07", lowercase=True) == rewrite("\ud800", lowercase=True) == ""


def test_marks_that_stay_keep_their_order():
    """The other documented exception, which only a vocabulary with such marks shows."""
    text = "x\U0001d16d\U0001d165"
    assert split_words(text, True) == graph_words([text], True)[0] == [text]
    assert reference_words(True)(text) == ["x\U0001d165\U0001d16d"]


def test_bytes_that_are_not_utf_8_are_dropped():
    words = WordSplitter(True).split(tf.constant([b"caf\xff\xe9 au\xc3", b"\xf0\x9f", b"lait"]))
    assert words.to_list() == [[b"caf", b"au"], [], [b"lait"]]
