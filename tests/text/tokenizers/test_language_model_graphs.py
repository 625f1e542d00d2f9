"""Tokenizers of language models in graphs: the ids and texts of plain Python."""

import functools

import keras
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_attention.artifacts import saved_model
from keras_attention.text.tokenizers.byte_characters import BYTE_CHARACTERS
from keras_attention.text.tokenizers.byte_pair_tokenizer import BytePairTokenizer
from keras_attention.text.tokenizers.byte_tokenizer import ByteTokenizer
from keras_attention.text.tokenizers.character_tokenizer import CharacterTokenizer
from keras_attention.text.tokenizers.pre_tokenizers import PRE_TOKENIZERS
from keras_attention.text.tokenizers.wordpiece_vocabulary import AddedToken
from keras_attention.token_ids import SpecialIds
from tests.text.tokenizers.language_model_texts import TEXTS, lists_of_texts, trained, write_gpt2
from tests.text.tokenizers.test_byte_fallback_tokenizer import llama
from tests.text.tokenizers.test_byte_pair_tokenizer import without_bytes
from tests.text.tokenizers.tokenizer_texts import DIFFICULT_TEXTS

# Of tensorflow_text, what stock TF Serving registers and these tokenizers need.
SERVED = {"SentencepieceOp", "SentencepieceTokenizeOp"}


def with_added(base):
    """A tokenizer with a start, and tokens that overlap."""
    size = base.vocabulary_size
    contents = ["<a>", "<a><b>", "b><c", "   ", "wor", "é日"]
    added = [
        AddedToken(content, size + i, normalized=i % 2 == 1, special=i % 3 == 0)
        for i, content in enumerate(contents)
    ]
    return BytePairTokenizer(
        base.vocabulary,
        base.merges,
        [*base.added_tokens, *added],
        SpecialIds(padding=None, unknown=None, start=0, end=0),
        adds_start=True,
    )


def unreached():
    """A vocabulary with a token that merging does not reach."""
    vocabulary = {character: i for i, character in enumerate(BYTE_CHARACTERS)}
    vocabulary |= {"bc": 256, "ab": 257, "abc": 258, "Ġa": 259, "Ġabc": 260, "The": 261}
    merges = [("b", "c"), ("a", "b"), ("ab", "c"), ("Ġ", "a"), ("Ġ", "abc")]
    return vocabulary, merges


MAKERS = {
    **{name: functools.partial(trained, name) for name in PRE_TOKENIZERS if name != "none"},
    "none": lambda: BytePairTokenizer(*unreached(), pre_tokenizer="none"),
    "added": lambda: with_added(trained("gpt2")),
    "unreached": lambda: BytePairTokenizer(*unreached()),
    "whole": lambda: BytePairTokenizer(*unreached(), ignore_merges=True, pre_tokenizer="llama3"),
    "without bytes": lambda: without_bytes(trained("gpt2")),
    "bytes": ByteTokenizer,
    "characters": lambda: CharacterTokenizer.train(TEXTS[::2]),
    "llama": llama,
    "llama, one prefix": lambda: llama(prefixes_all=False, prefixes_blanks=False),
}


@functools.cache
def both(name):
    """A tokenizer, and two functions of its graph: ids of texts, and texts of ids."""
    tokenizer = MAKERS[name]()
    graph = tokenizer.in_graph()
    tokenize = tf.function(graph.tokenize, input_signature=[tf.TensorSpec([None], tf.string)])

    @tf.function(
        input_signature=[tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None], tf.int32)]
    )
    def detokenize(ids, lengths):
        return graph.detokenize(ids, lengths), graph.detokenize(ids, lengths, continues=True)

    return tokenizer, tokenize, detokenize


@pytest.mark.parametrize("name", MAKERS)
@settings(max_examples=30)  # each runs a graph
@given(data=st.data())
def test_ids_of_any_texts(name, data):
    tokenizer, tokenize, _ = both(name)
    texts = data.draw(lists_of_texts)
    texts += ["abc abc a bc The abc", " abcbcab"]
    assert tokenize(tf.constant(texts)).to_list() == tokenizer.encode(texts).token_ids


@pytest.mark.parametrize("name", MAKERS)
def test_ids_of_difficult_texts(name):
    tokenizer, tokenize, _ = both(name)
    texts = [*TEXTS, *DIFFICULT_TEXTS]
    assert tokenize(tf.constant(texts)).to_list() == tokenizer.encode(texts).token_ids
    assert tokenize(tf.constant([], tf.string)).to_list() == []


@pytest.mark.parametrize("name", MAKERS)
@settings(max_examples=30)  # each runs a graph
@given(data=st.data())
def test_texts_of_any_ids(name, data):
    tokenizer, _, detokenize = both(name)
    any_id = st.integers(0, tokenizer.vocabulary_size - 1)
    rows = data.draw(st.lists(st.lists(any_id, max_size=8), min_size=1, max_size=4))
    width = max(map(len, rows)) + 1
    ids = [row + [tokenizer.vocabulary_size - 1] * (width - len(row)) for row in rows]
    found = detokenize(tf.constant(ids), tf.constant([len(row) for row in rows]))
    for texts, continues in zip(found, (False, True), strict=True):
        expected = [tokenizer.decode(row, continues) for row in rows]
        assert [text.decode() for text in texts.numpy()] == expected


def test_bytes_that_are_no_utf8():
    tokenizer, tokenize, _ = both("gpt2")
    strings = [b"a\xe2\x82b", b"\xff\xfe", b"ok \xf0\x9f\x98", b"\xed\xa0\xbd"]
    expected = [text.decode("utf-8", "replace") for text in strings]
    assert tokenize(tf.constant(strings)).to_list() == tokenizer.encode(expected).token_ids


def test_ids_beyond_the_vocabulary_are_left_out():
    tokenizer, _, detokenize = both("bytes")
    texts, _ = detokenize(tf.constant([[97, 300, -1, 98]]), tf.constant([4]))
    assert texts.numpy().tolist() == [b"ab"]


@pytest.mark.parametrize("name", ["added", "whole", "llama", "characters"])
def test_in_a_saved_model(name, tmp_path):
    """Loaded without this package's code, and of operators that stock TF Serving registers."""
    tokenizer, tokenize, _ = both(name)
    graph = tokenizer.in_graph()

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="text")], autograph=False)
    def serve(text):
        ids = graph.tokenize(text)
        lengths = tf.cast(ids.row_lengths(), tf.int32)
        token_ids = ids.to_tensor(0)
        return {"token_ids": token_ids, "text": graph.detokenize(token_ids, lengths)}

    archive = keras.export.ExportArchive()
    archive.track(graph)
    archive.add_endpoint("serving_default", serve)
    archive.write_out(str(tmp_path / "1"), verbose=False)
    texts = [*TEXTS, "abc The <a>"]
    found = saved_model.signature(tmp_path / "1", "serving_default")(
        text=[text.encode() for text in texts]
    )
    rows = tokenizer.encode(texts).token_ids
    for row, ids, text in zip(found["token_ids"], rows, found["text"], strict=True):
        assert row[: len(ids)].tolist() == ids
        assert text.decode() == tokenizer.decode(ids)
    operators = saved_model.operators(tmp_path / "1")
    assert {name for name in operators if not hasattr(tf.raw_ops, name)} <= SERVED


def test_published_gpt2(real_data, tmp_path):
    write_gpt2(real_data, tmp_path)
    tokenizer = BytePairTokenizer.load(tmp_path)
    graph = tokenizer.in_graph()
    lines = [token for token in map(tokenizer.decode, ([i] for i in range(0, 50257, 3)))]
    texts = [*TEXTS, " ".join(lines), "".join(lines)]
    assert graph.tokenize(tf.constant(texts)).to_list() == tokenizer.encode(texts).token_ids
