"""SentencePiece without TensorFlow, for runtimes whose inputs and outputs are ids."""

import dataclasses

from keras_attention._validation import require
from keras_attention.text.tokenizers.exact_scores import exact_scores
from keras_attention.text.tokenizers.well_formed import well_formed
from keras_attention.token_ids import SpecialIds


class SentencePieceProcessor:
    """Strings to ids and back, with the `sentencepiece` package alone.

    It gives the same ids and texts as `SentencePieceTokenizer`, which is for TensorFlow graphs.
    Half a surrogate pair is read as U+FFFD.

    Args:
        model: a SentencePiece model, as bytes, with this package's four special ids. The scores of
            a unigram model are rounded to multiples of 1/32: see `exact_scores`.

    Attributes:
        model: the model that it uses, as bytes.

    Raises:
        ValueError: if `model` is not such a model.

    >>> processor = SentencePieceProcessor(model)
    >>> processor.decode(processor.encode("three hundred"))
    'three hundred'
    """

    special_ids = SpecialIds()

    def __init__(self, model):
        import sentencepiece  # here, so that classifiers run where it is missing

        require(isinstance(model, bytes) and model, "model", "the bytes of a model", model=model)
        try:
            processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        except RuntimeError as error:
            raise ValueError(
                f"`model` must be a SentencePiece model. Received: {len(model):,} other bytes"
            ) from error
        ids = (processor.pad_id(), processor.unk_id(), processor.bos_id(), processor.eos_id())
        require(
            ids == dataclasses.astuple(self.special_ids),
            "model",
            "a SentencePiece model trained with pad_id=0, unk_id=1, bos_id=2, eos_id=3",
            ids=ids,
        )
        self.model = exact_scores(model)
        if self.model != model:
            processor = sentencepiece.SentencePieceProcessor(model_proto=self.model)
        self._processor = processor

    @property
    def vocabulary_size(self):
        """Number of tokens V, special ones included."""
        return self._processor.vocab_size()

    def id_to_piece(self, token_id):
        """The piece of text of `token_id`. A leading "▁" marks the beginning of a word."""
        return self._processor.id_to_piece(int(token_id))

    def encode(self, text):
        """The ids of `text`, END at the end: a list of integers."""
        return [*self._processor.encode(well_formed(text)), self.special_ids.end]

    def encode_all(self, texts):
        """`encode` of each of a list of texts: a list of lists.

        It is faster than one text at a time, and lets other threads run.
        """
        # One thread: more are hardly faster, and training needs the others.
        end = self.special_ids.end
        texts = [well_formed(text) for text in texts]
        return [[*ids, end] for ids in self._processor.encode(texts, num_threads=1)]

    def decode(self, token_ids):
        """The text of ids: up to the first END, special ids left out."""
        special, pieces = self.special_ids, []
        for token_id in token_ids:
            if token_id == special.end:
                break
            if token_id not in (special.padding, special.start):
                pieces.append(int(token_id))
        return self._processor.decode(pieces)
