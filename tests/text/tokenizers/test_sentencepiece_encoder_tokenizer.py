"""SentencePiece for encoders: the ids of the package, in rows, outside and in the graph."""

import json
import os

import numpy as np
import pytest
import sentencepiece

from keras_attention._validation import InputError
from keras_attention.text import SentencePieceEncoderTokenizer, phrase_corpus
from keras_attention.text.tokenizers import (
    encoder_tokenizer,
    load_encoder_tokenizer,
    require_encoder_tokenizer,
)
from tests.text.tokenizers.bigbird_model import SPECIAL, bigbird_model

TEXTS = [
    "three hundred and two",
    "",
    "   ",
    "On Monday, at noon.",
    "straße ﬁne \u00a0 x\ty",
    "[CLS] [MASK] <pad> a[SEP]b",
    "日本 \U0001f600 half \ud800 end",
    *phrase_corpus(40, split="test")[0],
]


@pytest.fixture(scope="module", params=["bpe", "unigram"])
def tokenizer(request):
    return SentencePieceEncoderTokenizer(bigbird_model(request.param))


def test_special_ids_are_those_of_the_model(tokenizer):
    names = {name: tokenizer.vocabulary.index(name) for name in SPECIAL}
    assert names == SPECIAL
    assert tokenizer.special_ids.to_dict() == {"padding": 0, "unknown": 100, "start": 65, "end": 66}
    assert (tokenizer.padding_id, tokenizer.mask_id, tokenizer.unknown_id) == (0, 67, 100)


def test_ids_are_those_of_the_package_between_special_tokens(tokenizer):
    reference = sentencepiece.SentencePieceProcessor(model_proto=tokenizer.model)
    encoded = tokenizer.encode(TEXTS)
    for text, row, segments in zip(TEXTS, encoded.token_ids, encoded.segment_ids, strict=True):
        plain = text.replace("\ud800", "\ufffd")
        assert row == [65, *reference.encode(plain), 66]
        assert segments == [0] * len(row)
    assert not any(encoded.truncated)


def test_pairs_and_cuts(tokenizer):
    first, second = (tokenizer.encode([text]).token_ids[0][1:-1] for text in (TEXTS[0], TEXTS[3]))
    whole = tokenizer.encode([TEXTS[0]], [TEXTS[3]])
    assert whole.token_ids == [[65, *first, 66, *second, 66]]
    assert whole.segment_ids == [[0] * (len(first) + 2) + [1] * (len(second) + 1)]
    cut = tokenizer.encode([TEXTS[0]], [TEXTS[3]], max_length=9)
    assert len(cut.token_ids[0]) == 9 and cut.truncated == [True]
    assert tokenizer.encode([TEXTS[0]], max_length=4).token_ids == [[65, *first[:2], 66]]


@pytest.mark.parametrize("pairs", [None, TEXTS[::-1]])
def test_the_graph_gives_the_same(tokenizer, pairs):
    import tensorflow as tf

    texts, others = (
        None if each is None else [text.replace("\ud800", "\ufffd") for text in each]
        for each in (TEXTS, pairs)
    )
    expected = tokenizer.pack(texts, others, max_length=14)
    given = [None if each is None else tf.constant(each) for each in (texts, others)]
    found = tokenizer.in_graph().pack(*given, max_length=14)
    assert set(found) == set(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name].numpy(), array)


def test_decode(tokenizer):
    row = tokenizer.encode(["three hundred and two"]).token_ids[0]
    assert tokenizer.decode(row) == "three hundred and two"
    assert tokenizer.decode([0, 65, 1, 67, 66, 2]) == ""
    with pytest.raises(ValueError, match="`token_ids` must be ids below 320"):
        tokenizer.decode([320])


def test_words(tokenizer):
    row = tokenizer.encode(["hundred seventeen"]).token_ids[0]
    pieces = tokenizer.pieces(row)
    assert pieces[0] == "[CLS]" and "".join(pieces[1:-1]) == "▁hundred▁seventeen"
    begins = [not tokenizer.is_continuation[token_id] for token_id in row]
    assert begins == [not piece[0].isalnum() for piece in pieces]
    assert not any(tokenizer.is_continuation[i] for i in SPECIAL.values())


def test_unknown_tokens_are_shown_as_they_are_written(tokenizer):
    row = tokenizer.encode(["three 日本"]).token_ids[0]
    assert 100 in row and "<unk>" in tokenizer.pieces(row)
    shown = tokenizer.pieces(row, ["three 日本"])
    assert "日本" in "".join(shown) and "<unk>" not in shown


def test_a_directory(tokenizer, tmp_path):
    tokenizer.save(tmp_path / "own")
    settings = json.loads((tmp_path / "own" / "tokenizer_config.json").read_text())
    assert settings["tokenizer_class"] == "BigBirdTokenizer"
    loaded = load_encoder_tokenizer(tmp_path / "own")
    assert type(loaded) is SentencePieceEncoderTokenizer
    require_encoder_tokenizer(loaded)
    assert loaded.encode(TEXTS) == tokenizer.encode(TEXTS)
    assert loaded.describe() == tokenizer.describe() == "SentencePiece, 320 tokens"
    # Published settings hold objects, and may name the pieces otherwise.
    settings["cls_token"] = {"content": "<more_3>", "lstrip": False}
    (tmp_path / "own" / "tokenizer_config.json").write_text(json.dumps(settings))
    assert load_encoder_tokenizer(tmp_path / "own").start_id == 71


def test_a_vocabulary_of_texts():
    texts = phrase_corpus(200)[0]
    tokenizer = encoder_tokenizer("BigBirdTokenizer").train(texts, 150, lowercase=True)
    assert tokenizer.vocabulary[:7] == ["<pad>", "<s>", "</s>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]
    assert tokenizer.vocabulary_size == 150
    assert tokenizer.encode(["THREE"]) == tokenizer.encode(["three"])
    cased = encoder_tokenizer("BigBirdTokenizer").train(texts, 150, lowercase=False)
    assert cased.encode(["THREE"]) != cased.encode(["three"])


def test_what_is_refused(tmp_path):
    with pytest.raises(ValueError, match="must be a SentencePiece model. Received: 5 other bytes"):
        SentencePieceEncoderTokenizer(b"other")
    with pytest.raises(ValueError, match=r"with the pieces <pad> <unk> \[CLS\] \[SEP\] \[M"):
        from keras_attention.text import train_sentencepiece

        SentencePieceEncoderTokenizer(train_sentencepiece(["low lower lowest"] * 9, 20))
    with pytest.raises(InputError, match="not a SentencePiece tokenizer; expected spiece.model"):
        SentencePieceEncoderTokenizer.load(tmp_path)
    (tmp_path / "spiece.model").write_bytes(b"other")
    with pytest.raises(InputError, match="spiece.model: `model` must be a SentencePiece model"):
        SentencePieceEncoderTokenizer.load(tmp_path)
    (tmp_path / "spiece.model").unlink()
    os.mkfifo(tmp_path / "spiece.model")  # which would be waited for
    with pytest.raises(InputError, match="expected spiece.model .it is not a regular file"):
        SentencePieceEncoderTokenizer.load(tmp_path)
