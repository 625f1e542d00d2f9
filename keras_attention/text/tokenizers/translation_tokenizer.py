"""The tokenizers of a translator's source and target, as one directory of files."""

import json
from pathlib import Path

from keras_attention._validation import InputError
from keras_attention.files import write_atomically, writing
from keras_attention.json_file import read_json_object
from keras_attention.regular_file import read_regular
from keras_attention.text.tokenizers.lexical_shortlist import FILE, LexicalShortlist
from keras_attention.text.tokenizers.sentencepiece_processor import SentencePieceProcessor

# Not tokenizer.json: that name is of HuggingFace's format, which other programs read.
DESCRIPTION, FORMER = "translation.json", "tokenizer.json"


class TranslationTokenizer:
    """Two SentencePiece models, or one model for source and target.

    It needs no TensorFlow. `in_graph` gives the same tokenizers for TensorFlow graphs.

    Args:
        source_model: SentencePiece model of the source, as bytes.
        target_model: SentencePiece model of the target, as bytes; None if both share one.
        shortlist: a `LexicalShortlist` of these vocabularies, or None.

    Attributes:
        source, target: `SentencePieceProcessor`.
        shared: whether source and target share a model.

    A directory holds `translation.json` and `shared.model`, or `source.model` and `target.model`;
    and `shortlist.safetensors` if there is a shortlist.

    >>> tokenizer = TranslationTokenizer(model)
    >>> tokenizer.save("tokenizer")
    >>> TranslationTokenizer.load("tokenizer").shared
    True
    """

    def __init__(self, source_model, target_model=None, shortlist=None):
        self.shared = target_model is None
        self.source = SentencePieceProcessor(source_model)
        self.target = self.source if self.shared else SentencePieceProcessor(target_model)
        self.shortlist = shortlist
        if shortlist is not None:
            sizes = self.source.vocabulary_size, self.target.vocabulary_size
            shortlist.require_fit("shortlist", *sizes)

    def with_shortlist(self, source_ids, target_ids, count):
        """This tokenizer with a shortlist of `count` tokens each, learned from id lists."""
        source, target = self.source.vocabulary_size, self.target.vocabulary_size
        shortlist = LexicalShortlist.learn(
            source_ids, target_ids, count, source, target, self.shared
        )
        return type(self)(*self._models, shortlist=shortlist)

    def without_shortlist(self):
        """This tokenizer without its shortlist."""
        return type(self)(*self._models)

    @property
    def _models(self):
        return [self.source.model] if self.shared else [self.source.model, self.target.model]

    @property
    def special_ids(self):
        """The `SpecialIds` of the target. In a model the source shares padding and end."""
        return self.target.special_ids

    def describe(self):
        """What it is, in a few words, for `inspect`."""
        source, target = self.source.vocabulary_size, self.target.vocabulary_size
        if self.shared:
            return f"SentencePiece, {target:,} tokens of source and target"
        return f"SentencePiece, {source:,} tokens of the source and {target:,} of the target"

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
        # A model may end on other ids too, which its translations never show: see `one_end`.
        end = theirs.ends[0] if len(theirs.ends) == 1 else theirs.end
        end = own.end if own.end in theirs.ends else end
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
        for name in (DESCRIPTION, "shared.model", "source.model", "target.model", FILE):
            (directory / name).unlink(missing_ok=True)  # the description first; it is written last
        if self.shared:
            write_atomically(directory / "shared.model", self.source.model)
        else:
            write_atomically(directory / "source.model", self.source.model)
            write_atomically(directory / "target.model", self.target.model)
        if self.shortlist is not None:
            self.shortlist.save(directory)
        description = {"kind": "sentencepiece", "shared": self.shared}
        write_atomically(directory / DESCRIPTION, json.dumps(description, indent=2).encode())

    @classmethod
    def load(cls, directory):
        """The tokenizer of a directory that `save` wrote.

        Raises:
            InputError: if a file is missing or is not a SentencePiece model.
        """
        directory = Path(directory)
        try:
            description = _description(directory)
            names = ["shared.model"] if description["shared"] else ["source.model", "target.model"]
            models = [read_regular(directory / name) for name in names]
            # An artifact has none, and needs no code for it.
            has_one = (directory / FILE).exists()
            shortlist = LexicalShortlist.load(directory) if has_one else None
            return cls(*models, shortlist=shortlist)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{directory}: not a tokenizer directory ({error}).") from error


def _description(directory):
    """What the description says; of a directory of an earlier version it has another name."""
    former = directory / FORMER
    if former.is_file() and not (directory / DESCRIPTION).exists():
        return read_json_object(former)
    return read_json_object(directory / DESCRIPTION)
