"""The special ids are those that a SentencePiece model says."""

import io
import re

import numpy as np
import pytest
import sentencepiece

from keras_attention._validation import InputError
from keras_attention.models import TransformerTranslator
from keras_attention.text import (
    SentencePieceProcessor,
    SentencePieceTokenizer,
    TranslationTokenizer,
    phrase_corpus,
    train_sentencepiece,
)
from keras_attention.token_ids import SpecialIds, pad
from tests.text.tokenizers.other_ids import SPECIAL, USUAL, other_model

TEXTS = [*phrase_corpus(30, split="test")[0], "", "  ", "µ¶ unknown", "a"]


@pytest.mark.parametrize("model_type", ["bpe", "unigram"])
@pytest.mark.parametrize("special_ids", [SPECIAL, USUAL])
def test_python_and_the_graph_take_them_from_the_model(special_ids, model_type):
    model = other_model(special_ids, model_type)
    processor, tokenizer = SentencePieceProcessor(model), SentencePieceTokenizer(model)
    assert processor.special_ids == tokenizer.special_ids == special_ids
    for token_id in (special_ids.padding, special_ids.start, special_ids.end):
        assert processor.id_to_piece(token_id).startswith("<")
    words = {1, 3, 4, 5, 6} - {special_ids.start}
    assert not any(processor.id_to_piece(token_id).startswith("<") for token_id in words)

    plain = sentencepiece.SentencePieceProcessor(model_proto=processor.model)
    rows = processor.encode_all(TEXTS)
    assert rows == [[*plain.encode(text), special_ids.end] for text in TEXTS]
    assert set(np.concatenate(rows)) & words  # words do stand between them
    assert tokenizer.tokenize(TEXTS).to_list() == rows
    both = tokenizer.tokenize(TEXTS, add_start=True).to_list()
    assert both == [[special_ids.start, *row] for row in rows]

    # What a model generates: start, padding and what comes behind the end are no text.
    noisy = [[special_ids.start, special_ids.padding, *row, row[0], 3] for row in rows]
    filled = pad(noisy, value=special_ids.padding)
    expected = [plain.decode(row[:-1]) for row in rows]
    assert [processor.decode(row) for row in filled.tolist()] == expected
    assert [text.decode() for text in tokenizer.detokenize(filled).numpy()] == expected


def test_the_ids_of_our_own_models_stay():
    processor = SentencePieceProcessor(train_sentencepiece(TEXTS, 60))
    assert processor.special_ids == SpecialIds(0, 1, 2, 3)


@pytest.mark.parametrize("missing", ["pad_id", "bos_id", "eos_id"])
def test_what_lacks_one_is_refused_by_name(missing):
    ids = {**dict(pad_id=7, unk_id=0, bos_id=1, eos_id=2), missing: -1}
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS * 3), model_writer=model, vocab_size=60, minloglevel=2, **ids
    )
    said = re.escape(
        f"such as pad_id=0, unk_id=1, bos_id=2, eos_id=3. Received: ids={(*ids.values(),)}"
    )
    with pytest.raises(ValueError, match=said):
        SentencePieceProcessor(model.getvalue())


# Which belong to a model


def translator(special_ids, vocabulary_size=200, **options):
    sizes = dict(num_layers=1, num_heads=2, hidden_dim=8, intermediate_dim=8)
    return TransformerTranslator(vocabulary_size, special_ids=special_ids, **sizes, **options)


def test_a_tokenizer_fits_a_model_with_its_ids():
    tokenizer = TranslationTokenizer(other_model())
    assert tokenizer.special_ids == SPECIAL
    for fitting in (
        SPECIAL,
        SpecialIds(SPECIAL.padding, None, SPECIAL.start, SPECIAL.end),
        SpecialIds(SPECIAL.padding, None, SPECIAL.start, (SPECIAL.end,)),
    ):
        tokenizer.require_fit("run", translator(fitting))


@pytest.mark.parametrize(
    ("name", "value"), [("padding", 8), ("unknown", 1), ("start", 8), ("end", 3), ("end", (3, 4))]
)
def test_other_ids_do_not_fit(name, value):
    tokenizer = TranslationTokenizer(other_model())
    other = SpecialIds.of({**SPECIAL.to_dict(), name: value})
    with pytest.raises(InputError) as caught:
        tokenizer.require_fit("run", translator(other))
    said = f"{name} is {getattr(SPECIAL, name)} in the tokenizer and {value} in the model"
    assert said in str(caught.value) and str(caught.value).startswith("run: the special ids differ")


def test_a_source_with_another_padding_or_end_does_not_fit():
    target = other_model(side=1, size=120)
    for special_ids, said in (
        (SpecialIds(3, 0, 1, SPECIAL.end), "the source's padding is 3 in the tokenizer and 7 in"),
        (SpecialIds(SPECIAL.padding, 0, 2, 1), "the source's end is 1 in the tokenizer and 2 in"),
    ):
        tokenizer = TranslationTokenizer(other_model(special_ids, side=0, size=100), target)
        model = translator(SPECIAL, 120, source_vocabulary_size=100)
        with pytest.raises(InputError, match=said):
            tokenizer.require_fit("run", model)
    # Nobody reads the source's start.
    source = other_model(SpecialIds(SPECIAL.padding, 0, 1, SPECIAL.end), side=0, size=100)
    TranslationTokenizer(source, target).require_fit("run", model)
