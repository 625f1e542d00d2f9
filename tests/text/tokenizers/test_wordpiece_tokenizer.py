import unicodedata

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_attention.text import WordPieceTokenizer, read_lines
from keras_attention.text.tokenizers import chunk_ids, wordpiece_vocabulary
from keras_attention.text.tokenizers.wordpiece_characters import rewrite
from keras_attention.text.tokenizers.wordpiece_vocabulary import SPECIAL_TOKENS
from tests.text.tokenizers.wordpiece_references import (
    BERT_TEXTS,
    PUBLISHED,
    graph_of,
    published,
    reference_ids,
    reference_of,
    trained,
)

KINDS = [(True, None), (False, None), (True, False), (False, True)]


def ids(tokenizer, texts):
    """The ids without special tokens, which plain Python and the graph give alike."""
    found = [row[1:-1] for row in tokenizer.encode(texts, max_length=1_000_000).token_ids]
    assert found == graph_ids(tokenizer, texts)
    return found


def graph_ids(tokenizer, texts):
    if not texts or isinstance(texts[0], str):
        texts = [text.encode("utf-8", "surrogatepass") for text in texts]
    return graph_of(tokenizer).tokenize(tf.constant(texts, tf.string)).to_list()


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


@settings(max_examples=30)  # each makes a graph
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


@settings(max_examples=30)  # each makes a graph
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
    assert graph_ids(tokenizer, texts) == reference_ids(reference, expected)


def test_no_texts_at_all():
    tokenizer, _ = published()
    assert ids(tokenizer, []) == []
    for name, rows in graph_of(tokenizer).pack(tf.constant([], tf.string)).items():
        assert rows.shape[0] == 0 and rows.dtype == tf.int32, name
    for name, rows in tokenizer.pack([]).items():
        assert rows.shape == (0, 0) and rows.dtype == np.int32, name
    assert tokenizer.encode([]).token_ids == []


def test_inside_a_dataset():
    tokenizer, reference = published()
    texts = ["two", "three hundred", "unaffable", "", "naïve"]
    dataset = tf.data.Dataset.from_tensor_slices(texts).batch(2).map(tokenizer.in_graph().tokenize)
    found = [row for batch in dataset for row in batch.to_list()]
    assert found == reference_ids(reference, texts)


def test_the_longest_tokens_that_the_graph_takes():
    longest = "日" * 85 + "a"  # 256 bytes
    tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, "ゃ" * 85, f"##{'ゃ' * 85}", longest])
    assert ids(tokenizer, ["ゃ" * 85, "ゃ" * 86]) == [[5], [1]]


def test_longer_tokens_are_refused_because_the_graph_refuses_them(monkeypatch):
    monkeypatch.setattr(wordpiece_vocabulary, "LONGEST_TOKEN", 1_000)
    tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, "日" * 85 + "aa"])
    with pytest.raises(ValueError, match="must suit tensorflow_text.* exceeds the max"):
        tokenizer.in_graph()


# All that may go wrong between two implementations: what is dropped, cut, marked or split.
HARD_PARTS = st.sampled_from(
    [*SPECIAL_TOKENS, "[", "]", "[CLS", "MASK]", "##", "##s", "un", "able", " ", "\t", "\r\n"]
    + ["\x00", "\x1c", "\x85", "\u00a0", "\u3000", "\ufffd", "\u0301", "İ", "Σ", "ß", "中", "가"]
    + ["\ud83d", "\udc4d", "\ue000", "\U0010fff8", "\U0010fffa", "\U0010fffd", "\U000f0000"]
    + ["a" * 99, "a" * 100, "é" * 100, "日" * 101, "x" * 300, "aa", "aaa"]
)
ANY_CHARACTER = st.characters(exclude_categories=())  # halves of surrogate pairs as well
HARD_TEXTS = st.lists(st.text(ANY_CHARACTER, max_size=6) | HARD_PARTS, max_size=12).map("".join)


@settings(max_examples=80)  # each runs three graphs
@given(
    st.lists(st.tuples(HARD_TEXTS, HARD_TEXTS), min_size=1, max_size=5),
    st.sampled_from([None, *KINDS]),
    st.integers(3, 40),
)
def test_plain_python_and_the_graph_agree_on_any_text(both, kind, max_length):
    tokenizer, _ = published() if kind is None else trained(*kind)
    texts, pairs = map(list, zip(*both, strict=True))
    ids(tokenizer, texts)  # which compares
    strings, pair_strings = (
        tf.constant([text.encode("utf-8", "surrogatepass") for text in side])
        for side in (texts, pairs)
    )
    for ours, theirs in ((pairs, pair_strings), (None, None)):
        packed = graph_of(tokenizer).pack(strings, theirs, max_length)
        for name, rows in tokenizer.pack(texts, ours, max_length).items():
            assert rows.dtype == np.int32
            np.testing.assert_array_equal(rows, packed[name].numpy(), name)


def test_a_full_cache_changes_no_ids(monkeypatch):
    monkeypatch.setattr(chunk_ids, "_CACHED_CHUNKS", 3)
    tokenizer, reference = WordPieceTokenizer.load(PUBLISHED), published()[1]
    texts = ["one two", "two three four five", "one two three " * 3, "x" * 80, "five [MASK], one"]
    assert ids(tokenizer, texts) == reference_ids(reference, texts)
    assert len(tokenizer._chunks) <= 3


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
        ([*SPECIAL_TOKENS, "日" * 90], f"at most 256 bytes, .*others=.'{'日' * 90}'"),
        ([*SPECIAL_TOKENS, "##" + "日" * 86], "at most 256 bytes, .*others=.'##日日日"),
        ([*SPECIAL_TOKENS, "a\ud83d"], r"UTF-8 strings of .* others=\['a\\ud83d'\]"),
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
