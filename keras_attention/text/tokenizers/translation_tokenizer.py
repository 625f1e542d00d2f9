"""The tokenizers of a translator's source and target, as one directory of files."""

import json
from pathlib import Path

from keras_attention._validation import InputError
from keras_attention.files import write_atomically, writing
from keras_attention.text.tokenizers.sentencepiece_processor import SentencePieceProcessor


class TranslationTokenizer:
    """Two SentencePiece models, or one model for source and target.

    It needs no TensorFlow. `in_graph` gives the same tokenizers for TensorFlow graphs.

    Args:
        source_model: SentencePiece model of the source, as bytes.
        target_model: SentencePiece model of the target, as bytes; None if both share one.

    Attributes:
        source, target: `SentencePieceProcessor`.
        shared: whether source and target share a model.

    A directory holds `tokenizer.json` and `shared.model`, or `source.model` and `target.model`.

    >>> tokenizer = TranslationTokenizer(model)
    >>> tokenizer.save("tokenizer")
    >>> TranslationTokenizer.load("tokenizer").shared
    True
    """

    def __init__(self, source_model, target_model=None):
        self.shared = target_model is None
        self.source = SentencePieceProcessor(source_model)
        self.target = self.source if self.shared else SentencePieceProcessor(target_model)

    @property
    def special_ids(self):
        """The `SpecialIds` of the target. In a model the source shares padding and end."""
        return self.target.special_ids

    def require_fit(self, where, model):
        """Raises `InputError`, beginning with `where`, unless it is the tokenizer of a model.

        Args:
            where: string.
            model: a `keras_attention.models.Translator`.
        """
        for size, processor in (
            (model.vocabulary_size, self.target),
            (model.source_vocabulary_size or model.vocabulary_size, self.source),
        ):
            if size != processor.vocabulary_size:
                raise InputError(
                    f"{where}: the tokenizer has {processor.vocabulary_size:,} tokens and the "
                    f"model {size:,}; they do not belong together."
                )
        own, theirs = self.special_ids, model.special_ids
        end = theirs.ends[0] if len(theirs.ends) == 1 else theirs.end
        compared = [
            ("padding", own.padding, theirs.padding),
            ("start", own.start, theirs.start),
            ("end", own.end, end),
            ("the source's padding", self.source.special_ids.padding, theirs.padding),
            ("the source's end", self.source.special_ids.end, end),
        ]
        if theirs.unknown is not None:  # which no model needs to know
            compared.append(("unknown", own.unknown, theirs.unknown))
        differing = [
            f"{name} is {mine} in the tokenizer and {other} in the model"
            for name, mine, other in compared
            if mine != other
        ]
        if differing:
            raise InputError(
                f"{where}: the special ids differ: {', '.join(differing)}. A model takes those of "
                "its tokenizer: `special_ids=tokenizer.special_ids`."
            )

    def in_graph(self):
        """Two `SentencePieceTokenizer`s with the same ids, of source and target, for graphs."""
        from keras_attention.text.tokenizers.sentencepiece_tokenizer import SentencePieceTokenizer

        source = SentencePieceTokenizer(self.source.model)
        return source, source if self.shared else SentencePieceTokenizer(self.target.model)

    def save(self, directory):
        """Writes the directory, and makes it if it is missing.

        A save that is interrupted leaves a directory that does not load.
        """
        directory = Path(directory)
        with writing(directory):
            directory.mkdir(parents=True, exist_ok=True)
        for name in ("tokenizer.json", "shared.model", "source.model", "target.model"):
            (directory / name).unlink(missing_ok=True)  # tokenizer.json first; it is written last
        if self.shared:
            write_atomically(directory / "shared.model", self.source.model)
        else:
            write_atomically(directory / "source.model", self.source.model)
            write_atomically(directory / "target.model", self.target.model)
        description = {"kind": "sentencepiece", "shared": self.shared}
        write_atomically(directory / "tokenizer.json", json.dumps(description, indent=2).encode())

    @classmethod
    def load(cls, directory):
        """The tokenizer of a directory that `save` wrote.

        Raises:
            InputError: if a file is missing or is not a SentencePiece model.
        """
        directory = Path(directory)
        try:
            shared = json.loads((directory / "tokenizer.json").read_text("utf-8"))["shared"]
            names = ["shared.model"] if shared else ["source.model", "target.model"]
            return cls(*[(directory / name).read_bytes() for name in names])
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise InputError(f"{directory}: not a tokenizer directory ({error}).") from error
