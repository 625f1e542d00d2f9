import io

import numpy as np
import pytest
import sentencepiece

from keras_attention.text import SentencePieceProcessor, train_sentencepiece
from keras_attention.token_ids import pad


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (b"", "`model` must be the bytes of a model"),
        ("tokenizer.model", "`model` must be the bytes of a model"),
        (b"not a model", "`model` must be a SentencePiece model. Received: 11 other bytes"),
    ],
)
def test_what_is_no_model_is_refused(model, message):
    with pytest.raises(ValueError, match=message):
        SentencePieceProcessor(model)


def test_a_model_with_other_special_ids_is_refused():
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["one two three"] * 3),
        model_writer=model,
        vocab_size=12,
        minloglevel=2,
    )
    with pytest.raises(ValueError, match=r"pad_id=0, unk_id=1.*Received: ids=\(-1, 0, 1, 2\)"):
        SentencePieceProcessor(model.getvalue())


def test_many_texts_are_encoded_as_each_alone():
    lines = ["one two three", "", "  two  two ", "drei?", "x" * 500]
    processor = SentencePieceProcessor(train_sentencepiece(lines * 3, 30))
    assert processor.encode_all(lines) == [processor.encode(line) for line in lines]
    assert processor.encode_all([]) == []


def test_pad():
    np.testing.assert_array_equal(pad([[5, 3], [3], []]), [[5, 3], [3, 0], [0, 0]])
    np.testing.assert_array_equal(pad([[5]], 3), [[5, 0, 0]])
    assert pad([[5]]).dtype == np.int32
    assert pad([]).shape == (0, 0)
