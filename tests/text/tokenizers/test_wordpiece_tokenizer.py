import unicodedata

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_attention.text import WordPieceTokenizer, read_lines
from keras_attention.text.tokenizers.wordpiece_characters import rewrite
from keras_attention.text.tokenizers.wordpiece_vocabulary import SPECIAL_TOKENS
from tests.text.tokenizers.wordpiece_references import (
    BERT_TEXTS,
    published,
    reference_ids,
    reference_of,
    trained,
)

KINDS = [(True, None), (False, None), (True, False), (False, True)]


def ids(tokenizer, texts):
    return tokenizer.tokenize(tf.constant(texts, tf.string)).to_list()


def test_difficult_texts_with_the_published_vocabulary():
    tokenizer, reference = published()
    found = ids(tokenizer, BERT_TEXTS)
    for text, row, expected in zip(
        BERT_TEXTS, found, reference_ids(reference, BERT_TEXTS), strict=True
    ):
        assert row == expected, text


@pytest.mark.parametrize(("lowercase", "strip_accents"), KINDS)
def test_difficult_texts_with_a_vocabulary_of_their_own(lowercase, strip_accents):
    tokenizer, reference = trained(lowercase, strip_accents)
    found = ids(tokenizer, BERT_TEXTS)
    for text, row, expected in zip(
        BERT_TEXTS, found, reference_ids(reference, BERT_TEXTS), strict=True
    ):
        assert row == expected, text
    assert found[3] != [tokenizer.unknown_id] * len(found[3])


@settings(max_examples=150)
@given(st.lists(st.text(max_size=60), min_size=1, max_size=6))
def test_any_text_with_the_published_vocabulary(texts):
    tokenizer, reference = published()
    assert ids(tokenizer, texts) == reference_ids(reference, texts)


# Where every character is in the vocabulary the two documented exceptions would show.
CHARACTERS = st.characters(exclude_categories=("Cs", "Cn")).filter(
    lambda character: not (unicodedata.combining(character) and rewrite(character, True))
)
PARTS = st.sampled_from([*SPECIAL_TOKENS, "[", "]", "##", "\u0301", "\x00", " ", "İ", "Σ", "ß"])


@settings(max_examples=80)
@given(
    st.lists(st.text(CHARACTERS, max_size=4) | PARTS, max_size=12).map("".join),
    st.sampled_from(KINDS),
)
def test_any_text_with_every_character_of_it_in_the_vocabulary(text, kind):
    normalized = reference_of(SPECIAL_TOKENS, *kind).normalize(text)
    letters = sorted({*normalized, *text} - {" "})
    vocabulary = [*SPECIAL_TOKENS, *letters, *(f"##{letter}" for letter in letters)]
    tokenizer, reference = WordPieceTokenizer(vocabulary, *kind), reference_of(vocabulary, *kind)
    assert ids(tokenizer, [text]) == reference_ids(reference, [text])


@settings(max_examples=60)
@given(
    st.lists(st.text("abc", min_size=1, max_size=4), unique=True, min_size=1, max_size=9),
    st.lists(st.text("abc", min_size=1, max_size=4), unique=True, max_size=9),
    st.lists(st.text("abc", max_size=12), min_size=1, max_size=9),
)
def test_pieces_of_any_vocabulary(starts, rests, words):
    vocabulary = [*starts, *SPECIAL_TOKENS, *(f"##{rest}" for rest in rests)]
    tokenizer, reference = WordPieceTokenizer(vocabulary), reference_of(vocabulary, True)
    assert ids(tokenizer, words) == reference_ids(reference, words)


def test_bytes_that_are_not_utf_8():
    tokenizer, reference = published()
    texts = [b"caf\xff\xe9 au lait", b"\xf0\x9f\x98", b"\xed\xa0\x80 half a pair"]
    expected = [text.decode(errors="replace") for text in texts]
    assert ids(tokenizer, texts) == reference_ids(reference, expected)


def test_no_texts_at_all():
    tokenizer, _ = published()
    assert ids(tokenizer, []) == []
    for name, rows in tokenizer.pack(tf.constant([], tf.string)).items():
        assert rows.shape[0] == 0 and rows.dtype == tf.int32, name
    assert tokenizer.encode([]).token_ids == []


def test_inside_a_dataset():
    tokenizer, reference = published()
    texts = ["two", "three hundred", "unaffable", "", "naïve"]
    dataset = tf.data.Dataset.from_tensor_slices(texts).batch(2).map(tokenizer.tokenize)
    found = [row for batch in dataset for row in batch.to_list()]
    assert found == reference_ids(reference, texts)


def test_attributes():
    tokenizer, _ = published()
    names = ("padding_id", "unknown_id", "start_id", "end_id", "mask_id")
    assert [getattr(tokenizer, name) for name in names] == [0, 100, 101, 102, 103]
    assert tokenizer.lowercase and tokenizer.vocabulary_size == len(tokenizer.vocabulary) == 30522
    assert tokenizer.vocabulary[tokenizer.mask_id] == "[MASK]"


def test_a_word_of_the_longest_characters_is_not_too_long():
    emoji = "\U0001f44d"  # four bytes
    tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, emoji, f"##{emoji}"])
    assert ids(tokenizer, [emoji * 100, emoji * 101]) == [[5] + [6] * 99, [1]]


def test_tokens_that_no_text_can_have():
    odd = ["\x00", "a\x00", "\U0010fff8", "\U0010fffd5", "x" * 300, "##" + "x" * 101, " ", "A"]
    vocabulary = [*SPECIAL_TOKENS, *odd, "a", "##b", "x", "##x"]
    tokenizer, reference = WordPieceTokenizer(vocabulary), reference_of(vocabulary, True)
    texts = ["a\x00b", "\x00", "\U0010fff8a", "x" * 100, "x" * 101, "\U0010fffd5", "A b"]
    assert ids(tokenizer, texts) == reference_ids(reference, texts)
    assert tokenizer.vocabulary == vocabulary


@pytest.mark.parametrize(
    ("vocabulary", "message"),
    [
        (
            ["a", *SPECIAL_TOKENS, "b", "a"],
            r"list of different strings. Received: repeated=\['a'\]",
        ),
        (SPECIAL_TOKENS[:3], r"missing=\['\[SEP\]', '\[MASK\]'\]"),
        ([*SPECIAL_TOKENS, ""], r"not empty. Received: others=\[''\]"),
        ([*SPECIAL_TOKENS, 3], r"not empty. Received: others=\[3\]"),
        ([*SPECIAL_TOKENS, "日" * 90], "suit tensorflow_text.* exceeds the max"),
    ],
)
def test_a_wrong_vocabulary(vocabulary, message):
    with pytest.raises(ValueError, match=f"`vocabulary` must .*{message}"):
        WordPieceTokenizer(vocabulary)


@pytest.mark.parametrize("file", ["sst2/train.tsv.gz", "ag_news/train.csv.gz"])
def test_real_texts(real_data, file):
    tokenizer, reference = published()
    lines = read_lines(real_data / file)
    assert len(lines) > 7_000
    found = tokenizer.encode(lines, max_length=10_000)
    assert found.token_ids == reference_ids(reference, lines, special=True)
    assert not any(found.truncated)
    pairs = lines[1:4_000], lines[:3_999]
    reference.enable_truncation(40)
    expected = reference.encode_batch(list(zip(*pairs, strict=True)))
    reference.no_truncation()
    assert tokenizer.encode(*pairs, max_length=40).token_ids == [row.ids for row in expected]


def test_real_texts_cased(real_data):
    files = [f"multi30k/val.{code}.gz" for code in ("en", "de", "fr")]
    lines = [line for file in files for line in read_lines(real_data / file)]
    tokenizer, reference = trained(False)
    assert tokenizer.encode(lines).token_ids == reference_ids(reference, lines, special=True)
