import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_attention.text import WordPieceTokenizer
from keras_attention.text.tokenizers.wordpiece_vocabulary import SPECIAL_TOKENS
from tests.text.tokenizers.wordpiece_references import BERT_TEXTS, published, reference_ids


def test_encode_adds_special_tokens_and_segments():
    tokenizer, reference = published()
    pairs = BERT_TEXTS[::-1]
    single, double = tokenizer.encode(BERT_TEXTS), tokenizer.encode(BERT_TEXTS, pairs)
    reference.enable_truncation(512)
    expected = reference.encode_batch(BERT_TEXTS)
    both = reference.encode_batch(list(zip(BERT_TEXTS, pairs, strict=True)))
    reference.no_truncation()
    assert single.token_ids == [row.ids for row in expected]
    assert single.segment_ids == [row.type_ids for row in expected]
    assert double.token_ids == [row.ids for row in both]
    assert double.segment_ids == [row.type_ids for row in both]
    assert single.truncated == [bool(row.overflowing) for row in expected]
    assert double.truncated == [bool(row.overflowing) for row in both]
    assert 0 < sum(single.truncated) < sum(double.truncated) < len(BERT_TEXTS)


@settings(max_examples=80)
@given(st.lists(st.tuples(*[st.integers(0, 20)] * 2), min_size=1, max_size=7), st.integers(3, 30))
def test_truncation_of_pairs(lengths, max_length):
    tokenizer, reference = published()
    texts, pairs = (
        ["a b " * (n // 2) + "c" * (n % 2) for n in side] for side in zip(*lengths, strict=True)
    )
    encoded = tokenizer.encode(texts, pairs, max_length)
    reference.enable_truncation(max_length)
    expected = reference.encode_batch(list(zip(texts, pairs, strict=True)))
    reference.no_truncation()
    assert encoded.token_ids == [row.ids for row in expected]
    assert encoded.segment_ids == [row.type_ids for row in expected]
    assert encoded.truncated == [sum(pair) + 3 > max_length for pair in lengths]


@pytest.mark.parametrize("max_length", [2, 3, 7, 512])
def test_truncation_of_single_texts(max_length):
    tokenizer, reference = published()
    texts = ["", "one", "one two three four", "one two three four five", "six " * 600]
    encoded = tokenizer.encode(texts, max_length=max_length)
    full = reference_ids(reference, texts)
    assert encoded.token_ids == [[101, *row[: max_length - 2], 102] for row in full]
    assert encoded.truncated == [len(row) + 2 > max_length for row in full]


@pytest.mark.parametrize("with_pairs", [False, True])
def test_pack_pads_to_the_longest_row(with_pairs):
    vocabulary = ["a", "b", "c", *SPECIAL_TOKENS]  # the id of [PAD] is 3, not 0
    tokenizer = WordPieceTokenizer(vocabulary)
    texts, pairs = ["a b c a b", "", "c"], ["b", "a a", "c b a"] if with_pairs else None
    packed = tokenizer.in_graph().pack(
        tf.constant(texts), None if pairs is None else tf.constant(pairs), max_length=8
    )
    for name, rows in tokenizer.pack(texts, pairs, max_length=8).items():
        np.testing.assert_array_equal(rows, packed[name].numpy(), name)
    encoded = tokenizer.encode(texts, pairs, max_length=8)
    longest = max(map(len, encoded.token_ids))
    assert longest == 7 + with_pairs
    for row in range(3):
        length = len(encoded.token_ids[row])
        rest = longest - length
        assert packed["token_ids"][row].numpy().tolist() == encoded.token_ids[row] + [3] * rest
        assert packed["segment_ids"][row].numpy().tolist() == encoded.segment_ids[row] + [0] * rest
        assert packed["padding_mask"][row].numpy().tolist() == [1] * length + [0] * rest
    assert {rows.dtype for rows in packed.values()} == {tf.int32}


def test_many_texts():
    tokenizer, reference = published()
    texts = [f"text number {n} " + "word " * (n % 50) for n in range(12_345)]
    assert tokenizer.encode(texts).token_ids == reference_ids(reference, texts, special=True)


def test_halves_of_surrogate_pairs_are_dropped():
    tokenizer, _ = published()
    assert tokenizer.encode(["a\ud83db"]).token_ids == tokenizer.encode(["ab"]).token_ids


def test_decode_as_the_reference():
    tokenizer, reference = published()
    texts = [*BERT_TEXTS, "I don't, he's; we've 'em, they're I'm. what? no!", "##s 's . n't"]
    for row in tokenizer.encode(texts).token_ids:
        assert tokenizer.decode(row) == reference.decode(row, skip_special_tokens=True)


@settings(max_examples=60)
@given(st.lists(st.integers(0, 30521), max_size=20))
def test_decode_any_ids_as_the_reference(row):
    tokenizer, reference = published()
    assert tokenizer.decode(row) == reference.decode(row, skip_special_tokens=True)


def test_wrong_arguments_are_named():
    tokenizer, _ = published()
    with pytest.raises(ValueError, match="`pairs` must be as many as .* texts=2, pairs=1"):
        tokenizer.encode(["a", "b"], ["c"])
    with pytest.raises(ValueError, match="`max_length` must be an integer of at least 2"):
        tokenizer.encode(["a"], max_length=1)
    with pytest.raises(ValueError, match="`max_length` must be an integer of at least 3"):
        tokenizer.in_graph().pack(tf.constant(["a"]), tf.constant(["b"]), max_length=2)
    with pytest.raises(ValueError, match="`max_length` must be an integer of at least 3"):
        tokenizer.encode(["a"], ["b"], max_length=2)
    with pytest.raises(ValueError, match="`texts` must be a list of strings"):
        tokenizer.encode("a text")
    for faulty in ([1], None, ["a", None], b"a", 3):
        with pytest.raises(ValueError, match="`texts` must be a list of strings. Received: texts="):
            tokenizer.encode(faulty)
    with pytest.raises(ValueError, match="`pairs` must be a list of strings. Received: pairs="):
        tokenizer.encode(["a"], [2])
    for token_id in (-1, 30522, [5, 6], "5", 5.0):
        with pytest.raises(ValueError, match="`token_ids` must be ids below 30522"):
            tokenizer.decode([token_id])
