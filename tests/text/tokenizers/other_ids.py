"""SentencePiece models whose special ids are not this package's own."""

import functools
import io

import sentencepiece

from keras_attention.text import phrase_corpus
from keras_attention.token_ids import SpecialIds

# Words stand at 1 and 3 to 6, between the special ids.
SPECIAL = SpecialIds(padding=7, unknown=0, start=9, end=2)
# What SentencePiece gives when it is told of padding alone.
USUAL = SpecialIds(padding=7, unknown=0, start=1, end=2)


@functools.cache
def other_model(special_ids=SPECIAL, model_type="bpe", size=200, side=None, texts=None):
    """A model, as bytes, of `texts`, or of phrases: of both sides, or of one (0 or 1)."""
    sides = phrase_corpus(200)
    if texts is None:
        texts = [*sides[0], *sides[1]] if side is None else sides[side]
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=model,
        vocab_size=size,
        model_type=model_type,
        character_coverage=1.0,
        pad_id=special_ids.padding,
        unk_id=special_ids.unknown,
        bos_id=special_ids.start,
        eos_id=special_ids.end,
        num_threads=1,
        minloglevel=2,
    )
    return model.getvalue()
