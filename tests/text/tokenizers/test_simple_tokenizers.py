"""Bytes and characters as tokens."""

import pytest
from hypothesis import given
from tokenizers import Tokenizer

from keras_attention._validation import InputError
from keras_attention.text.tokenizers import (
    LANGUAGE_MODEL_TOKENIZERS,
    language_model_tokenizer,
    load_language_model_tokenizer,
    require_language_model_tokenizer,
)
from keras_attention.text.tokenizers.byte_tokenizer import ByteTokenizer
from keras_attention.text.tokenizers.character_tokenizer import CharacterTokenizer
from tests.text.tokenizers.language_model_texts import TEXTS, texts
from tests.text.tokenizers.tokenizer_texts import HALVES


@pytest.fixture(scope="module", params=["bytes", "characters"])
def pair(request, tmp_path_factory):
    """A tokenizer that was saved and loaded, and the same in the `tokenizers` package."""
    directory = tmp_path_factory.mktemp(request.param)
    tokenizer = language_model_tokenizer(request.param).train(TEXTS)
    tokenizer.save(directory)
    package = Tokenizer.from_file(str(directory / "tokenizer.json"))
    return load_language_model_tokenizer(directory), package


@given(text=texts)
def test_other_libraries_read_their_files(pair, text):
    tokenizer, package = pair
    (ids,) = tokenizer.encode([text]).token_ids
    assert ids == package.encode(text).ids
    assert tokenizer.decode(ids) == package.decode(ids)


def test_texts_come_back(pair):
    tokenizer, _ = pair
    for text in TEXTS:
        (ids,) = tokenizer.encode([text]).token_ids
        assert tokenizer.decode(ids) == text.replace("<|endoftext|>", "").replace(
            "<unk>", ("" if tokenizer.kind == "characters" else "<unk>")
        )


def test_halves_of_surrogate_pairs(pair):
    tokenizer, _ = pair
    for text in HALVES:
        tokenizer.encode([text])


def test_bytes_by_hand():
    tokenizer = ByteTokenizer()
    assert tokenizer.encode(["né", "", "a<|endoftext|>"]).token_ids == [
        [110, 195, 169],
        [],
        [97, 256],
    ]
    assert tokenizer.special_ids.ends == (256,) and tokenizer.vocabulary_size == 257
    assert tokenizer.decode([0xE2, 0x82, 110, 0xAC, 256]) == "\ufffdn\ufffd"
    assert tokenizer.pieces([104, 195, 256]) == ["h", "<0xC3>", "<|endoftext|>"]


def test_characters_by_hand():
    tokenizer = CharacterTokenizer.train(["abba", "日"])
    assert tokenizer.vocabulary_size == 5
    assert tokenizer.encode(["日ac"]).token_ids == [[4, 2, 1]]
    assert tokenizer.decode([4, 1, 2, 0]) == "日a"
    # The two most frequent of three, by code point
    assert list(CharacterTokenizer.train(["cccbba"], 4).ids) == ["b", "c"]
    for size in (0, 2):
        with pytest.raises(InputError, match="too small"):
            CharacterTokenizer.train(["a"], size)
    with pytest.raises(InputError, match="no text"):
        CharacterTokenizer.train([""])
    with pytest.raises(ValueError, match="`characters` must be a list of different characters"):
        CharacterTokenizer(["a", "a"])


def test_texts_are_a_list():
    with pytest.raises(ValueError, match="`texts` must be a list of strings"):
        ByteTokenizer().encode("text")


def test_the_table():
    for kind in LANGUAGE_MODEL_TOKENIZERS:
        assert language_model_tokenizer(kind).kind == kind
    with pytest.raises(ValueError, match="`kind` must be one of"):
        language_model_tokenizer("words")
    require_language_model_tokenizer(ByteTokenizer())
    with pytest.raises(ValueError, match="`tokenizer` must be a tokenizer of language models"):
        require_language_model_tokenizer(object())


@pytest.mark.parametrize(
    "content",
    [
        '{"model": {"vocab": {"a": 0}}}',
        '{"model": {"vocab": {"<|endoftext|>": 0, "<unk>": 1, "ab": 2}}}',
        '{"model": {"vocab": {"<|endoftext|>": 0, "<unk>": 1, "a": 7}}}',
        '{"model": {"vocab": {"<|endoftext|>": 0, "<unk>": 1, "a": 1}}}',
        '{"model": []}',
        "[",
    ],
)
def test_spoiled_files_of_characters(tmp_path, content):
    CharacterTokenizer(["a"]).save(tmp_path)
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(InputError, match="tokenizer.json"):
        load_language_model_tokenizer(tmp_path)


def test_a_directory_of_another_kind(tmp_path):
    ByteTokenizer().save(tmp_path)
    with pytest.raises(InputError, match='`kind` must be "characters"'):
        CharacterTokenizer.load(tmp_path)
