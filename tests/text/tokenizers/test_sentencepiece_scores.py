"""Unigram models: every implementation takes the same one of segmentations with equal scores."""

import functools
import io

import numpy as np
import pytest
import sentencepiece
import tensorflow as tf
import tensorflow_text
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_attention._validation import InputError
from keras_attention.text import SentencePieceProcessor, SentencePieceTokenizer
from keras_attention.text.tokenizers.sentencepiece_processor import exact_scores
from tests.text.tokenizers.tokenizer_texts import model

LINES = [
    "a rule ---- or ==== then .... and !!!! hahaha 1000000",
    "so .. and ... or . but -- and --- or - then == and = hundred",
    "haha ha ah aha 100 000 10 1 0",
] * 40


def trained(**options):
    """A model as the `sentencepiece` package trains it, its scores not rounded."""
    data = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(LINES),
        model_writer=data,
        pad_id=0,
        unk_id=1,
        bos_id=2,
        eos_id=3,
        hard_vocab_limit=False,
        minloglevel=2,
        **options,
    )
    return data.getvalue()


@functools.cache
def pair(normalization="nmt_nfkc", byte_fallback=False):
    """Graph and plain Python, of a vocabulary full of repeated characters."""
    options = dict(normalization_rule_name=normalization, byte_fallback=byte_fallback)
    data = trained(model_type="unigram", vocab_size=400 if byte_fallback else 120, **options)
    return SentencePieceTokenizer(data), SentencePieceProcessor(data)


@functools.cache
def tied(seed):
    """Graph and plain Python, of a unigram model with few different scores: ties everywhere."""
    from sentencepiece import sentencepiece_model_pb2

    definition = sentencepiece_model_pb2.ModelProto.FromString(
        trained(model_type="unigram", vocab_size=120)
    )
    random = np.random.default_rng(seed)
    steps = (1.0, 0.3, 1 / 32, 0.1)[seed]
    for piece in definition.pieces:
        piece.score = -steps * random.integers(0, 40)
    data = definition.SerializeToString()
    return SentencePieceTokenizer(data), SentencePieceProcessor(data)


def agree(both, texts):
    tokenizer, processor = both
    expected = [processor.encode(text) for text in texts]
    assert tokenizer.tokenize(tf.constant(texts)).to_list() == expected
    assert processor.encode_all(texts) == expected


@pytest.mark.parametrize("normalization", ["nmt_nfkc", "identity", "nfkc_cf"])
def test_repeated_characters(normalization):
    texts = [c * n for c in "-=.!0hax" for n in (*range(2, 41), 200, 4_000)]
    agree(pair(normalization), [*texts, "wait ----", "so ....", "chapter ===== one"])


RUNS = st.builds(str.__mul__, st.sampled_from([*"-=.!01 ha", "ha", "ah"]), st.integers(1, 40))
TEXTS = st.lists(RUNS | st.text(max_size=6), max_size=8).map("".join)


@settings(max_examples=100)
@given(st.lists(TEXTS, min_size=1, max_size=8), st.booleans())
def test_any_text(texts, byte_fallback):
    agree(pair(byte_fallback=byte_fallback), texts)


@settings(max_examples=100)
@given(st.lists(TEXTS, min_size=1, max_size=8), st.integers(0, 3))
def test_any_text_where_all_scores_are_alike(texts, seed):
    agree(tied(seed), texts)


def test_only_the_scores_of_unigram_models_change():
    bpe = model()
    assert exact_scores(bpe) is bpe
    data = trained(model_type="unigram", vocab_size=120)
    rounded = exact_scores(data)
    assert len(rounded) == len(data) and rounded != data and exact_scores(rounded) == rounded
    before, after = (
        sentencepiece.SentencePieceProcessor(model_proto=some) for some in (data, rounded)
    )
    for index in range(before.vocab_size()):
        assert before.id_to_piece(index) == after.id_to_piece(index)
        assert abs(before.get_score(index) - after.get_score(index)) <= 1 / 64
        assert (32 * after.get_score(index)).is_integer()


def test_a_trained_vocabulary_is_used_as_it_was_written():
    data = model("unigram")
    assert SentencePieceProcessor(data).model == data
    # So is what TensorFlow and the `sentencepiece` package make of the file.
    text = ["three hundred and two"]
    plain = sentencepiece.SentencePieceProcessor(model_proto=data).encode(text)
    graph = tensorflow_text.SentencepieceTokenizer(model=data, out_type=tf.int32)
    assert plain == graph.tokenize(text).to_list()


def test_what_cannot_agree_has_no_graph():
    pieces = dict(vocab_size=120, user_defined_symbols=["--", "ha"])
    data = trained(model_type="unigram", **pieces)
    assert SentencePieceProcessor(data).encode("haha")
    with pytest.raises(InputError, match="a unigram model with user-defined pieces"):
        SentencePieceTokenizer(data)
    data = trained(model_type="bpe", **pieces)
    agree((SentencePieceTokenizer(data), SentencePieceProcessor(data)), ["---- haha", "-ha-"])


def test_scores_that_are_no_numbers():
    data = trained(model_type="unigram", vocab_size=120)
    score = np.float32(sentencepiece.SentencePieceProcessor(model_proto=data).get_score(5))
    for wrong in (np.nan, -np.inf):
        spoiled = data.replace(score.tobytes(), np.float32(wrong).tobytes())
        assert spoiled != data
        with pytest.raises(ValueError, match="`model` must be one with finite scores"):
            exact_scores(spoiled)
    for length in range(len(data) - 40, len(data) - 1, 7):
        with pytest.raises(ValueError, match="`model` must be"):
            exact_scores(data[:length])
