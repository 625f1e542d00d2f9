"""SentencePiece for encoders: BigBird's tokenizer, in plain Python."""

import json
import numbers
from pathlib import Path

from keras_attention._validation import InputError, require, well_formed
from keras_attention.files import write_atomically, writing
from keras_attention.json_file import json_object_or_empty
from keras_attention.regular_file import read_regular
from keras_attention.text.tokenizers.encoder_rows import encode_rows, pack_rows
from keras_attention.text.tokenizers.sentencepiece_processor import exact_scores
from keras_attention.text.tokenizers.train_sentencepiece import train_sentencepiece
from keras_attention.token_ids import SpecialIds

MODEL, SETTINGS = "spiece.model", "tokenizer_config.json"
LARGEST = 1 << 26  # bytes of a model; those of published encoders have about 1 MB
TOKENIZER_CLASS = "BigBirdTokenizer"
# The pieces that rows need, by their names in HuggingFace's settings. Their ids are the model's.
SPECIAL_PIECES = {
    "pad_token": "<pad>",
    "unk_token": "<unk>",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}


class SentencePieceEncoderTokenizer:
    """Texts to the ids of a SentencePiece model with the special tokens of an encoder, and back.

    It needs no TensorFlow. `in_graph` gives the same tokenizer for TensorFlow graphs.

    A row is [CLS] text [SEP], or [CLS] text [SEP] other text [SEP]. The ids of a text are those of
    the `sentencepiece` package: the name of a special token in a text is a text like any other,
    unless the model itself has it as a piece that texts may contain. HuggingFace's two tokenizers
    of BigBird split a text at such names first, each in another way.

    Args:
        model: a SentencePiece model, as bytes, with the pieces of `special_pieces`. The scores of a
            unigram model are rounded to multiples of 1/32: see `exact_scores`.
        special_pieces: dict of changes to `SPECIAL_PIECES`: what the model calls them.

    Attributes:
        model: the model that it uses, as bytes.
        padding_id, unknown_id, start_id, end_id, mask_id: ids of <pad>, <unk>, [CLS], [SEP] and
            [MASK].

    Raises:
        ValueError: if `model` is no such model, or lacks one of these pieces.

    >>> tokenizer = SentencePieceEncoderTokenizer.train(["low lower lowest"] * 9, 30)
    >>> tokenizer.decode(tokenizer.encode(["lower"]).token_ids[0])
    'lower'

    Reference: Zaheer et al. 2020, "Big Bird: Transformers for Longer Sequences", appendix E.1,
    https://arxiv.org/abs/2007.14062
    """

    def __init__(self, model, special_pieces=None):
        import sentencepiece  # here, so that other tokenizers run where it is missing

        require(isinstance(model, bytes) and model, "model", "the bytes of a model", model=model)
        try:
            processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        except RuntimeError as error:
            raise ValueError(
                f"`model` must be a SentencePiece model. Received: {len(model):,} other bytes"
            ) from error
        self.model = exact_scores(model)
        if self.model != model:
            processor = sentencepiece.SentencePieceProcessor(model_proto=self.model)
        self._processor = processor
        self.special_pieces = {**SPECIAL_PIECES, **(special_pieces or {})}
        self._pieces = [self._processor.id_to_piece(i) for i in range(self.vocabulary_size)]
        ids = {piece: i for i, piece in enumerate(self._pieces)}
        missing = [piece for piece in self.special_pieces.values() if piece not in ids]
        require(
            not missing,
            "model",
            f"a SentencePiece model with the pieces {' '.join(self.special_pieces.values())}",
            missing=missing,
        )
        self.padding_id, self.unknown_id, self.start_id, self.end_id, self.mask_id = (
            ids[self.special_pieces[name]] for name in SPECIAL_PIECES
        )
        # What decoding leaves out: the special pieces but the unknown one.
        self._hidden = {self.padding_id, self.start_id, self.end_id, self.mask_id}

    @property
    def vocabulary(self):
        """The pieces as a list of strings, that of id 0 first."""
        return list(self._pieces)

    @property
    def vocabulary_size(self):
        """Number of tokens V, special ones included."""
        return self._processor.vocab_size()

    @property
    def is_continuation(self):
        """Whether each token continues the word of the token before it: a list of V booleans."""
        words = [piece.startswith("▁") for piece in self._pieces]
        special = {*self._hidden, self.unknown_id}
        return [
            not is_word and i not in special and not self._processor.is_control(i)
            for i, is_word in enumerate(words)
        ]

    def pieces(self, token_ids, texts=()):
        """The pieces of ids: the first one of each word begins with "▁".

        Args:
            token_ids: list of ids.
            texts: the texts that they are of, in which an unknown token is written as it stands.
        """
        written = [self._processor.encode(well_formed(text), out_type=str) for text in texts]
        rows = zip(written, map(self._text_ids, texts), strict=True)
        unknown = iter(
            piece
            for row, ids in rows
            for piece, token_id in zip(row, ids, strict=True)
            if token_id == self.unknown_id
        )
        return [
            next(unknown, self._pieces[i]) if i == self.unknown_id else self._pieces[i]
            for i in token_ids
        ]

    def describe(self):
        """What it is, in a few words."""
        return f"SentencePiece, {self.vocabulary_size:,} tokens"

    @property
    def special_ids(self):
        """The `SpecialIds`: [CLS] starts a row and [SEP] ends it."""
        return SpecialIds(self.padding_id, self.unknown_id, self.start_id, self.end_id)

    def in_graph(self):
        """The `SentencePieceEncoderGraph`, a `tf.Module` with the same ids, for graphs."""
        from keras_attention.text.tokenizers.sentencepiece_encoder_graph import (
            SentencePieceEncoderGraph,
        )

        return SentencePieceEncoderGraph(self)

    def encode(self, texts, pairs=None, max_length=512):
        """The ids of texts, or of pairs of texts, as lists: see `encode_rows`."""
        special = self.start_id, self.end_id
        return encode_rows(self._text_ids, texts, pairs, max_length, *special)

    def _text_ids(self, text):
        return self._processor.encode(well_formed(text))

    def pack(self, texts, pairs=None, max_length=512):
        """The inputs of an encoder: `encode` as arrays with padding, a dict of int32 (B, T)."""
        return pack_rows(self.encode(texts, pairs, max_length), self.padding_id)

    def decode(self, token_ids):
        """The text of ids, without special tokens.

        Raises:
            ValueError: if an id is not in the vocabulary.
        """
        kept = []
        for token_id in token_ids:
            is_id = isinstance(token_id, numbers.Integral) and 0 <= token_id < self.vocabulary_size
            known = f"ids below {self.vocabulary_size}"
            require(is_id, "token_ids", known, token_id=token_id)
            if token_id not in self._hidden:
                kept.append(int(token_id))
        return self._processor.decode(kept)

    def save(self, directory):
        """Writes the directory in HuggingFace's format, `spiece.model` and `tokenizer_config.json`;
        makes it if it is missing.

        A save that is interrupted leaves a directory that does not load.
        """
        directory = Path(directory)
        with writing(directory):
            directory.mkdir(parents=True, exist_ok=True)
        (directory / MODEL).unlink(missing_ok=True)  # it is written last
        settings = {"tokenizer_class": TOKENIZER_CLASS, **self.special_pieces}
        write_atomically(directory / SETTINGS, json.dumps(settings, indent=2).encode())
        write_atomically(directory / MODEL, self.model)

    @classmethod
    def train(cls, texts, vocabulary_size, lowercase=True):
        """A tokenizer whose vocabulary is made of texts, a unigram model (Kudo 2018).

        <pad>, <s>, </s> and <unk> have the ids 0 to 3, and [CLS], [SEP] and [MASK] those after.
        """
        model = train_sentencepiece(
            texts,
            vocabulary_size,
            model_type="unigram",
            normalization="nmt_nfkc_cf" if lowercase else "nmt_nfkc",
            special_ids=SpecialIds(padding=0, unknown=3, start=1, end=2),
            symbols=[SPECIAL_PIECES[name] for name in ("cls_token", "sep_token", "mask_token")],
        )
        return cls(model)

    @classmethod
    def load(cls, directory):
        """The tokenizer of a directory that `save` wrote, or of a published BigBird.

        Raises:
            InputError: if the model is missing, cannot be read, or is another one.
        """
        directory = Path(directory)
        settings = json_object_or_empty(directory / SETTINGS)
        named = {name: _content(settings.get(name)) for name in SPECIAL_PIECES}
        try:
            model = read_regular(directory / MODEL, LARGEST)
            return cls(model, {name: piece for name, piece in named.items() if piece})
        except OSError as error:
            raise InputError(
                f"{directory}: not a SentencePiece tokenizer; expected {MODEL} "
                f"({error.strerror or error})."
            ) from error
        except ValueError as error:
            raise InputError(f"{directory / MODEL}: {error}") from error


def _content(token):
    """The string of a token in HuggingFace's settings, which may be an object around it."""
    content = token.get("content") if isinstance(token, dict) else token
    return content if isinstance(content, str) else None
