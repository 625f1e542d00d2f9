"""Ids and texts of byte-level BPE are those of the `tokenizers` package."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, trainers
from tokenizers import pre_tokenizers as reference

from keras_attention._validation import InputError
from keras_attention.text.tokenizers import load_language_model_tokenizer
from keras_attention.text.tokenizers.byte_characters import BYTE_CHARACTERS, read, written
from keras_attention.text.tokenizers.byte_pair_tokenizer import BytePairTokenizer
from keras_attention.text.tokenizers.pre_tokenizers import PRE_TOKENIZERS
from keras_attention.text.tokenizers.train_byte_pairs import train_byte_pairs
from keras_attention.text.tokenizers.wordpiece_vocabulary import AddedToken
from tests.text.tokenizers.language_model_texts import TEXTS, texts, trained, write_gpt2
from tests.text.tokenizers.tokenizer_texts import HALVES

NAMES = tuple(PRE_TOKENIZERS)


def of_package(tokenizer, directory):
    """The same tokenizer in the `tokenizers` package."""
    tokenizer.save(directory)
    return Tokenizer.from_file(str(directory / "tokenizer.json"))


@pytest.fixture(scope="module", params=[name for name in NAMES if name != "none"])
def pair(request, tmp_path_factory):
    tokenizer = trained(request.param)
    return tokenizer, of_package(tokenizer, tmp_path_factory.mktemp(request.param))


@given(text=texts)
def test_ids_of_any_text(pair, text):
    tokenizer, package = pair
    (ids,) = tokenizer.encode([text]).token_ids
    assert ids == package.encode(text).ids
    assert tokenizer.decode(ids) == package.decode(ids) == text.replace("<|endoftext|>", "")


def test_ids_of_difficult_texts(pair):
    tokenizer, package = pair
    for text in [*TEXTS, "\n".join(TEXTS)]:
        assert tokenizer.encode([text]).token_ids == [package.encode(text).ids]


@given(ids=st.lists(st.integers(0, 699), max_size=12))
def test_texts_of_any_ids(pair, ids):
    """Most of these ids are no UTF-8."""
    tokenizer, package = pair
    assert tokenizer.decode(ids) == package.decode(ids)


@given(ids=st.lists(st.integers(0, 699), max_size=12))
def test_ids_that_come_one_by_one_give_the_same_text(ids):
    tokenizer = trained("gpt2")
    decoder = tokenizer.incremental_decoder()
    parts = [decoder.decode([token_id]) for token_id in ids] + [decoder.decode([], final=True)]
    assert "".join(parts) == tokenizer.decode(ids)


def test_no_half_character_is_ever_shown():
    tokenizer = trained("gpt2")
    text = "naïve 日本語 👍🏽 ok"
    decoder = tokenizer.incremental_decoder()
    shown = ""
    for token_id in tokenizer.encode([text]).token_ids[0]:
        shown += decoder.decode([token_id])
        assert text.startswith(shown)
    assert shown == text


def test_every_code_point():
    """Letters, numbers and blanks are those of the package, whatever Python's Unicode is."""
    codes = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    text = "".join(f"a{chr(code)}1{chr(code)} {chr(code)}" for code in codes[:0x3400:5])
    text += "".join(f"a{chr(code)}1 {chr(code)}" for code in codes[0xA000:0x20000:11])
    text += "".join(f"a{chr(code)}1" for code in codes[0x20000::97])
    for name in NAMES[1:]:
        described = json.dumps(PRE_TOKENIZERS[name].described)
        package = Tokenizer.from_str(
            json.dumps(
                {
                    "version": "1.0",
                    "added_tokens": [],
                    "pre_tokenizer": json.loads(described),
                    "model": {"type": "BPE", "vocab": {}, "merges": []},
                }
            )
        )
        expected = [word for word, _ in package.pre_tokenizer.pre_tokenize_str(text)]
        assert [written(word.encode()) for word in PRE_TOKENIZERS[name].words()(text)] == expected


@pytest.mark.parametrize("name", [name for name in NAMES if name != "none"])
def test_merges_are_those_of_the_packages_trainer(name):
    corpus = [*TEXTS * 2, "low lower lowest newer newest aaaa aaaaaaaa abababab " * 5]
    vocabulary, merges = train_byte_pairs(corpus, 600, ("<|endoftext|>",), name)
    package = Tokenizer(models.BPE())
    package.pre_tokenizer = Tokenizer.from_str(
        json.dumps(
            {
                "version": "1.0",
                "added_tokens": [],
                "pre_tokenizer": PRE_TOKENIZERS[name].described,
                "model": {"type": "BPE", "vocab": {}, "merges": []},
            }
        )
    ).pre_tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        min_frequency=2,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=reference.ByteLevel.alphabet(),
        show_progress=False,
    )
    package.train_from_iterator(corpus, trainer)
    found = json.loads(package.to_str())["model"]
    assert merges == [tuple(merge) for merge in found["merges"]] and len(merges) > 100
    assert vocabulary == found["vocab"]


def test_training_by_hand():
    # "low" occurs 9 times, and its pairs too: "lo" comes first, as its ids are smaller.
    vocabulary, merges = train_byte_pairs(["low"] * 9 + ["ow"], 300)
    assert merges == [("o", "w"), ("l", "ow")]
    assert len(vocabulary) == 258 and vocabulary["low"] == 257


def test_training_needs_text_and_room():
    with pytest.raises(InputError, match="no text"):
        BytePairTokenizer.train(["", ""], 300)
    with pytest.raises(ValueError, match="`vocabulary_size` must be an integer of at least 257"):
        BytePairTokenizer.train(["a"], 256)


def test_a_word_of_any_length_takes_little_time():
    tokenizer = trained("gpt2")
    (ids,) = tokenizer.encode(["ab" * 200_000]).token_ids
    assert tokenizer.decode(ids) == "ab" * 200_000


def test_halves_of_surrogate_pairs():
    tokenizer = trained("gpt2")
    for text in HALVES:
        (ids,) = tokenizer.encode([text]).token_ids
        assert tokenizer.decode(ids) == "".join(
            "\ufffd" if "\ud800" <= character <= "\udfff" else character for character in text
        )


def test_bytes_are_written_and_read():
    assert [read(character) for character in BYTE_CHARACTERS] == [bytes([i]) for i in range(256)]
    assert written(b" \n") == "ĠĊ" and read("日") == "日".encode()


def test_added_tokens_are_found_as_the_package_does(tmp_path):
    """Where they overlap, and special ones before others."""
    base = trained("gpt2")
    size = base.vocabulary_size
    contents = ["<a>", "<a><b>", "b><c", "   ", "wor", "é日"]
    added = [
        AddedToken(content, size + i, normalized=i % 2 == 1, special=i % 3 == 0)
        for i, content in enumerate(contents)
    ]
    tokenizer = BytePairTokenizer(
        base.vocabulary, base.merges, [*base.added_tokens, *added], base.special_ids
    )
    package = of_package(tokenizer, tmp_path)
    for text in (
        "<a><b><c>",
        "x<a> <b>b><cb><c",
        "word   wor <a><a><b",
        "é日é   日",
        "<|endoftext|>",
    ):
        assert tokenizer.encode([text]).token_ids == [package.encode(text).ids]
    assert tokenizer.decode([size, size + 1, size + 3]) == "<a><b>"
    assert tokenizer.token_id("wor") == size + 4 and tokenizer.token_id("x") is None


def test_words_that_are_tokens_without_merges(tmp_path):
    """Llama 3 ignores merges for them; "abc" is reached by no merge here, since bc comes first."""
    vocabulary = {character: i for i, character in enumerate(BYTE_CHARACTERS)}
    vocabulary |= {"bc": 256, "ab": 257, "abc": 258}
    merges = [("b", "c"), ("a", "b"), ("ab", "c")]
    for ignore, expected in ((False, [ord("a"), 256]), (True, [258])):
        tokenizer = BytePairTokenizer(
            vocabulary, merges, pre_tokenizer="llama3", ignore_merges=ignore
        )
        package = of_package(tokenizer, tmp_path / str(ignore))
        assert tokenizer.encode(["abc"]).token_ids == [expected] == [package.encode("abc").ids]
        assert BytePairTokenizer.load(tmp_path / str(ignore)).ignore_merges == ignore


def without_bytes(base):
    """A tokenizer without the bytes E2, of many characters, and "e"; and without their merges."""
    dropped = {BYTE_CHARACTERS[0xE2], "e"}
    added = [token.content for token in base.added_tokens]
    tokens = [t for t in base.vocabulary if t in added or not dropped & set(t)]
    merges = [pair for pair in base.merges if not dropped & set("".join(pair))]
    vocabulary = {token: token_id for token_id, token in enumerate(tokens)}
    return BytePairTokenizer(vocabulary, merges, base.added_tokens, base.special_ids)


@pytest.fixture(scope="module")
def pair_without_bytes(tmp_path_factory):
    tokenizer = without_bytes(trained("gpt2"))
    return tokenizer, of_package(tokenizer, tmp_path_factory.mktemp("dropped"))


@given(text=texts)
def test_bytes_that_are_no_tokens_are_dropped(pair_without_bytes, text):
    tokenizer, package = pair_without_bytes
    for each in (text, f"the{text}lemon {text}"):
        assert tokenizer.encode([each]).token_ids == [package.encode(each).ids]


def test_published_gpt2(real_data, tmp_path):
    """Its files have no tokenizer.json, and give the package's ids on a whole corpus."""
    write_gpt2(real_data, tmp_path)
    tokenizer = load_language_model_tokenizer(tmp_path)
    assert (tokenizer.vocabulary_size, tokenizer.special_ids.end) == (50257, 50256)
    assert tokenizer.encode(["Hello world"]).token_ids == [[15496, 995]]
    corpus = gzip.decompress((real_data / "tinyshakespeare/train.txt.gz").read_bytes()).decode()
    corpus = corpus[:300_000] + "\n".join(TEXTS)
    (ids,) = tokenizer.encode([corpus]).token_ids
    package = of_package(tokenizer, tmp_path / "saved")
    assert ids == package.encode(corpus).ids
    assert tokenizer.decode(ids) == package.decode(ids)


def test_pieces_can_be_printed():
    tokenizer = trained("gpt2")
    (ids,) = tokenizer.encode(["t\U0001f9ff<|endoftext|>"]).token_ids
    pieces = tokenizer.pieces(ids)
    assert pieces[0] == "t" and pieces[-1] == "<|endoftext|>"
    assert all(piece.isprintable() for piece in pieces) and "<0x" in "".join(pieces)


def test_what_is_no_vocabulary():
    vocabulary = {character: i for i, character in enumerate(BYTE_CHARACTERS)}
    for wrong, argument in (
        (({"the": 0}, []), "vocabulary"),
        (({**vocabulary, "ab": 300}, []), "vocabulary"),
        ((vocabulary, [("a", "b")]), "merges"),
        ((vocabulary, [], [AddedToken("<x>", 999)]), "vocabulary"),
    ):
        with pytest.raises(ValueError, match=f"`{argument}` must be"):
            BytePairTokenizer(*wrong)
    with pytest.raises(ValueError, match="`pre_tokenizer` must be one of"):
        BytePairTokenizer(vocabulary, [], pre_tokenizer="gpt5")
    tokenizer = BytePairTokenizer(vocabulary, [])
    for token_id in (256, -1, 1.0, True and "a"):
        with pytest.raises(ValueError, match="`token_ids` must be ids below 256"):
            tokenizer.decode([token_id])
