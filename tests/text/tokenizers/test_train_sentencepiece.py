import hashlib
import re

import pytest

from keras_attention._validation import InputError
from keras_attention.text import SentencePieceProcessor, phrase_corpus, train_sentencepiece
from keras_attention.token_ids import SpecialIds
from tests.text.tokenizers.pure_process import run_without_tensorflow
from tests.text.tokenizers.tokenizer_texts import model

SPECIAL = SpecialIds()

TYPES = ("bpe", "unigram")
SMALL = ["the cat sat on the mat", "a dog sat on a log"] * 5


@pytest.mark.parametrize("model_type", TYPES)
def test_the_size_asked_for(model_type):
    assert SentencePieceProcessor(model(model_type)).vocabulary_size == 500


@pytest.mark.parametrize("model_type", TYPES)
def test_a_small_corpus_gets_the_largest_vocabulary(model_type, capfd):
    largest = SentencePieceProcessor(train_sentencepiece(SMALL, 8000, model_type))
    assert largest.vocabulary_size < 100
    size = largest.vocabulary_size
    one_more = SentencePieceProcessor(train_sentencepiece(SMALL, size + 1, model_type))
    assert one_more.vocabulary_size == size
    assert largest.decode(largest.encode(SMALL[0])) == SMALL[0]
    assert capfd.readouterr().err == ""  # the caller says it, once


@pytest.mark.parametrize("model_type", TYPES)
def test_a_vocabulary_smaller_than_the_alphabet_names_what_is_needed(model_type):
    with pytest.raises(InputError, match="vocabulary of 5 is too small") as error:
        train_sentencepiece(SMALL, 5, model_type)
    needed = int(re.search(r"need (\d+)\.", str(error.value)).group(1))
    assert needed == len(set("".join(SMALL))) + 4  # the space is "▁"
    train_sentencepiece(SMALL, needed, model_type)
    with pytest.raises(InputError):
        train_sentencepiece(SMALL, needed - 1, model_type)


@pytest.mark.parametrize("sentences", [[], ["", "  "]])
def test_a_corpus_without_text(sentences):
    with pytest.raises(InputError, match="holds no text"):
        train_sentencepiece(sentences, 100)


def test_every_character_of_the_corpus_is_known():
    rare = ["ж", "日", "👍", "\u0301"]
    processor = SentencePieceProcessor(train_sentencepiece([*SMALL * 200, *rare], 60))
    for character in rare:
        assert SPECIAL.unknown not in processor.encode(character)


@pytest.mark.parametrize(
    ("model_type", "words"),
    [
        ("bpe", 15_000),  # 100,000 characters, and more bytes
        ("unigram", 1_000),  # more than the 4,192 bytes that SentencePiece takes by itself
        pytest.param("unigram", 15_000, marks=pytest.mark.slow),
    ],
)
def test_a_long_line_is_not_lost(model_type, words):
    line = "wörter " * words
    processor = SentencePieceProcessor(train_sentencepiece([*SMALL, line], 60, model_type))
    assert SPECIAL.unknown not in processor.encode("wörter")


def test_normalization():
    plain = SentencePieceProcessor(model(normalization="nmt_nfkc"))
    exact = SentencePieceProcessor(model(normalization="identity"))
    assert plain.encode("ﬁve") == plain.encode("five")
    assert exact.encode("ﬁve") != exact.encode("five")


@pytest.mark.parametrize("model_type", TYPES)
def test_the_same_vocabulary_in_every_process(model_type):
    code = f"""
import hashlib
from keras_attention.text import phrase_corpus, train_sentencepiece
sources, targets = phrase_corpus(300)
model = train_sentencepiece([*sources, *targets], 300, {model_type!r})
print(hashlib.sha256(model).hexdigest())
"""
    sources, targets = phrase_corpus(300)
    here = train_sentencepiece([*sources, *targets], 300, model_type)
    assert run_without_tensorflow(code).strip() == hashlib.sha256(here).hexdigest()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0,), "`vocabulary_size` must be a positive integer"),
        ((100, "wordpiece"), "`model_type` must be one of"),
        ((100, "bpe", "nfd"), "`normalization` must be one of"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        train_sentencepiece(SMALL, *arguments)


@pytest.mark.parametrize("model_type", TYPES)
@pytest.mark.parametrize("lines", [["\u200b", "\ufeff\u200b"], ["\u2585 \u2585"], [" ", "\t"], []])
def test_a_corpus_without_a_character(lines, model_type):
    with pytest.raises(InputError, match="^The corpus holds no text to train a vocabulary on") as e:
        train_sentencepiece(lines, 100, model_type)
    assert "\n" not in str(e.value) and "trainer_interface" not in str(e.value)


def test_another_failure_of_the_trainer_is_a_sentence(monkeypatch):
    import sentencepiece

    def fail(**_):
        raise RuntimeError("Internal: something\nelse")

    monkeypatch.setattr(sentencepiece.SentencePieceTrainer, "train", fail)
    with pytest.raises(
        InputError, match="cannot train a vocabulary on the corpus: Internal: somet"
    ):
        train_sentencepiece(SMALL, 100)
