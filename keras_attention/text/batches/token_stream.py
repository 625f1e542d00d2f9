"""The tokens of a corpus, one document after the other, in memory or in a file."""

import contextlib
import json
import os
from array import array
from pathlib import Path

import numpy as np

from keras_attention._validation import InputError, well_formed
from keras_attention.files import temporary_name, write_atomically, writing
from keras_attention.json_file import read_json_object, require_fields

IDS, BEGINS, DESCRIPTION = "tokens.bin", "documents.bin", "tokens.json"
_TYPES = ("uint16", "int32")

# Fields of the description
_COUNT = ("an integer from 0 on", lambda value: type(value) is int and value >= 0)
_FIELDS = {
    "dtype": (f"one of {', '.join(_TYPES)}", lambda value: value in _TYPES),
    **dict.fromkeys(("tokens", "documents", "bytes", "characters"), _COUNT),
}


class TokenStream:
    """The ids of all tokens of a corpus, and where its documents begin.

    A document is START where the tokenizer adds it, its tokens, and END where the tokenizer has
    one.

    Args:
        ids: integer array (N,), perhaps mapped from a file.
        begins: integer array (D,), increasing: the index in `ids` of the first token of each
            document.
        bytes: number of bytes of the texts in UTF-8, for bits per byte.
        characters: number of characters of the texts.

    Attributes:
        ids, begins, bytes, characters: as given.

    >>> stream = TokenStream.of([("ab", True), ("c", True)], ByteTokenizer())
    >>> stream.ids.tolist(), stream.begins.tolist()
    ([97, 98, 256, 99, 256], [0, 3])
    """

    def __init__(self, ids, begins, bytes, characters):
        self.ids, self.begins = ids, np.asarray(begins, np.int64)
        self.bytes, self.characters = bytes, characters

    @property
    def tokens(self):
        """The number of tokens N, those around texts included."""
        return len(self.ids)

    @property
    def documents(self):
        """The number of documents D."""
        return len(self.begins)

    @classmethod
    def of(cls, parts, tokenizer):
        """The stream of a corpus, in memory.

        Args:
            parts: iterable of `(text, begins)`, as `read_documents` gives them.
            tokenizer: a `LanguageModelTokenizer`.
        """
        arrays, counts = [np.array([], id_type(tokenizer))], _Counts()
        arrays += _encoded(parts, tokenizer, counts)
        return cls(np.concatenate(arrays), counts.begins, counts.bytes, counts.characters)

    @classmethod
    def write(cls, directory, parts, tokenizer, say=None):
        """The stream of a corpus of any size: written into files, and mapped from them.

        The files take 2 bytes a token, or 4 where the vocabulary has more than 65,536. A write that
        is interrupted leaves what was there before, or a directory that does not open.

        Args:
            directory: path of one that exists.
            parts, tokenizer: see `of`.
            say: function of a string that reports progress, or None.

        Raises:
            InputError: if the disk is full.
        """
        directory, counts = Path(directory), _Counts()
        (directory / DESCRIPTION).unlink(missing_ok=True)
        temporary = temporary_name(directory / IDS)
        try:
            with writing(directory / IDS), open(temporary, "xb") as file:
                for array in _encoded(parts, tokenizer, counts):
                    file.write(array.tobytes())
                    if say is not None:
                        say(f"{counts.tokens:,} tokens of {counts.characters:,} characters")
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, directory / IDS)
        finally:
            with contextlib.suppress(FileNotFoundError):
                temporary.unlink()
        write_atomically(directory / BEGINS, np.array(counts.begins, "<i8").tobytes())
        description = {
            "dtype": id_type(tokenizer).name,
            "tokens": counts.tokens,
            "documents": len(counts.begins),
            "bytes": counts.bytes,
            "characters": counts.characters,
        }
        write_atomically(directory / DESCRIPTION, json.dumps(description, indent=2).encode())
        return cls.open(directory)

    @classmethod
    def open(cls, directory):
        """The stream that `write` wrote, mapped from its files.

        Raises:
            InputError: if a file is missing, or is not as it was written.
        """
        directory = Path(directory)
        try:
            found = read_json_object(directory / DESCRIPTION)
            require_fields(found, _FIELDS, directory / DESCRIPTION)
            dtype = np.dtype(found["dtype"]).newbyteorder("<")
            for name, count, size in (
                (IDS, found["tokens"], dtype.itemsize),
                (BEGINS, found["documents"], 8),
            ):
                if (directory / name).stat().st_size != count * size:
                    raise InputError(f"{directory / name}: not of the size that was written.")
            begins = np.fromfile(directory / BEGINS, "<i8")
            ids = np.array([], dtype)
            if found["tokens"]:  # an empty file cannot be mapped
                ids = np.memmap(directory / IDS, dtype, mode="r")
        except OSError as error:
            raise InputError(f"{error.filename}: cannot be read ({error.strerror}).") from error
        return cls(ids, begins, found["bytes"], found["characters"])


class _Counts:
    """What is counted while a corpus is encoded."""

    def __init__(self):
        self.begins = array("q")  # a list would take five times the memory
        self.tokens = self.bytes = self.characters = 0


def id_type(tokenizer):
    """The type in which a tokenizer's ids are stored."""
    return np.dtype(_TYPES[tokenizer.vocabulary_size > 1 << 16])


def _encoded(parts, tokenizer, counts):
    """The ids of each part as an array; `counts` counts them."""
    special, dtype = tokenizer.special_ids, id_type(tokenizer).newbyteorder("<")
    start = [special.start] if tokenizer.adds_start else []
    end, is_first = list(special.ends[:1]), True
    for text, begins in parts:
        ids = tokenizer.encode_part(text, begins)
        if begins:
            ids = [*([] if is_first else end), *start, *ids]
            counts.begins.append(counts.tokens + (0 if is_first else len(end)))
            is_first = False
        counts.tokens += len(ids)
        counts.characters += len(text)
        counts.bytes += len(well_formed(text).encode())
        yield np.array(ids, dtype)
    if not is_first:
        counts.tokens += len(end)
        yield np.array(end, dtype)
