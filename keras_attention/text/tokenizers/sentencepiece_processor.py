"""SentencePiece without TensorFlow, for runtimes whose inputs and outputs are ids."""

import math
import struct

from keras_attention._validation import require, well_formed
from keras_attention.token_ids import SpecialIds

GRID = 32  # scores are multiples of 1 / GRID

# Numbers of fields in sentencepiece_model.proto
_PIECES, _TRAINER = 1, 2  # of a model
_SCORE, _KIND = 2, 3  # of a piece
_MODEL_TYPE = 3  # of the trainer's options
_UNIGRAM, _USER_DEFINED = 1, 4
VARINT, EIGHT_BYTES, LENGTH, FOUR_BYTES = 0, 1, 2, 5  # how protocol buffers store a field


class SentencePieceProcessor:
    """Strings to ids and back, with the `sentencepiece` package alone.

    It gives the same ids and texts as `SentencePieceTokenizer`, which is for TensorFlow graphs.
    Half a surrogate pair is read as U+FFFD.

    Args:
        model: a SentencePiece model, as bytes, with padding, start and end. The scores of a
            unigram model are rounded to multiples of 1/32: see `exact_scores`.

    Attributes:
        model: the model that it uses, as bytes.
        special_ids: the `SpecialIds` that the model says: its `pad_id`, `unk_id`, `bos_id` and
            `eos_id`.

    Raises:
        ValueError: if `model` is not such a model, or lacks one of these ids.

    >>> processor = SentencePieceProcessor(model)
    >>> processor.decode(processor.encode("three hundred"))
    'three hundred'
    """

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
            min(ids) >= 0,  # -1 where there is none
            "model",
            "a SentencePiece model trained with all four special ids, such as pad_id=0, unk_id=1, "
            "bos_id=2, eos_id=3",
            ids=ids,
        )
        self.special_ids = SpecialIds(*ids)
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

    def pieces(self, text):
        """The pieces of text of `encode`, but for END. An unknown one is as it stands in `text`."""
        return self._processor.encode(well_formed(text), out_type=str)

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


def exact_scores(model):
    """A SentencePiece model whose scores are rounded to multiples of 1/32 if it is a unigram model.

    Then sums are exact, and every implementation finds the same path. The best segmentation of a
    text is the one with the largest sum of scores. Many have the same sum: "..." is "." and ".." or
    ".." and ".". The libraries take the first of them, but the one inside tensorflow_text compares
    sums in float64 with sums that it has rounded to float32, and the `sentencepiece` package
    compares in float32. So where a sum is rounded, each takes another one. Multiples of 1/32 have
    exact sums in float32 up to 2**19, which a text of some ten thousand unknown characters, or of
    several times as many known ones, does not reach.

    Other kinds compare the scores of single pieces, and are returned as they are.

    Args:
        model: the model, as bytes.

    Returns:
        The model, as bytes of the same length. `exact_scores` of it changes nothing.

    Raises:
        ValueError: if a score is not a finite number, or the bytes are no such model.

    >>> exact_scores(bpe_model) is bpe_model
    True
    """
    if not is_unigram(model):
        return model
    rounded = bytearray(model)
    for start, end in _pieces(model):
        for number, kind, at, _ in fields(model, start, end):
            if (number, kind) == (_SCORE, FOUR_BYTES):
                (score,) = struct.unpack_from("<f", model, at)
                require(math.isfinite(score), "model", "one with finite scores", score=score)
                struct.pack_into("<f", rounded, at, round(score * GRID) / GRID)
    return bytes(rounded)


def is_unigram(model):
    """Whether a SentencePiece model, as bytes, is a unigram model."""
    model_type = _UNIGRAM  # which is the default
    for number, _, start, end in fields(model, 0, len(model)):
        if number == _TRAINER:
            for number, _, at, _ in fields(model, start, end):
                if number == _MODEL_TYPE:
                    model_type, _ = varint(model, at)
    return model_type == _UNIGRAM


def has_user_defined_pieces(model):
    """Whether a SentencePiece model, as bytes, has pieces of the type USER_DEFINED."""
    return any(
        number == _KIND and varint(model, at)[0] == _USER_DEFINED
        for start, end in _pieces(model)
        for number, _, at, _ in fields(model, start, end)
    )


def _pieces(model):
    """Where each piece begins and ends."""
    for number, kind, start, end in fields(model, 0, len(model)):
        if (number, kind) == (_PIECES, LENGTH):
            yield start, end


def fields(data, position, end):
    """`(number, kind, start, end)` of each field of a message, without reading its value."""
    while position < end:
        key, position = varint(data, position)
        number, kind = key >> 3, key & 7
        if kind == LENGTH:
            length, position = varint(data, position)
        elif kind == VARINT:
            length = varint(data, position)[1] - position
        else:
            length = {FOUR_BYTES: 4, EIGHT_BYTES: 8}.get(kind, end)
        require(position + length <= end, "model", "a whole SentencePiece model", position=position)
        yield number, kind, position, position + length
        position += length


def varint(data, position):
    """The integer at a position, in seven bits a byte, and the position after it."""
    value = shift = 0
    while True:
        require(position < len(data), "model", "a whole SentencePiece model", position=position)
        byte = data[position]
        value |= (byte & 127) << shift
        position, shift = position + 1, shift + 7
        if byte < 128:
            return value, position
