"""Documents of files of any size, part by part, to train language models on."""

import codecs
import re

from keras_attention._validation import InputError
from keras_attention.text.corpora.decoded_lines import MARKING, find_mark, marked_error
from keras_attention.text.corpora.kept_input import name_of
from keras_attention.text.corpora.labelled_texts import LabelledTexts
from keras_attention.text.corpora.reading_options import reading_options
from keras_attention.text.corpora.tabular_files import each_row, tabular_format
from keras_attention.text.corpora.text_files import open_bytes, reading, refuse_delimiter

PART = 1 << 20  # characters of a part, about
_LONGEST = 1 << 24  # characters without a place to cut at, after which any place is one


def read_documents(paths, text_column="text"):
    """The documents of files, part by part, so that none need fit into memory.

    A row of a `.jsonl`, `.csv` or `.tsv` file is a document, and any other file is one. A `.gz`
    file is decompressed. Documents without text are left out.

    Where `reading_as` skips faulty rows, a document of a file of its own loses the lines that
    cannot be decoded.

    A long document is cut before blanks that follow other characters. There no tokenizer of words
    merges anything: the ids of the parts together are those of the document.

    Args:
        paths: list of paths.
        text_column: name of the column of the texts in a tabular file.

    Yields:
        `(text, begins)`: a part of a document, and whether it is the first.

    Raises:
        InputError: if a file cannot be read or is no UTF-8 (the message names the line), or if no
            file holds text.

    >>> list(read_documents(["hamlet.txt"]))
    [('To be, or not to be', True)]
    """
    is_empty = True
    for path in paths:
        texts = _text_file(path) if tabular_format(path) is None else _rows(path, text_column)
        for part in texts:
            is_empty = False
            yield part
    if is_empty:
        raise InputError(f"{', '.join(map(str, paths))}: no text; expected one document or more.")


def _rows(path, text_column):
    for line, (text,) in each_row(path, [text_column]):
        row = LabelledTexts([text], None, None, [line], str(name_of(path)))
        try:
            row.require_string(0, text_column, [text])
        except InputError as error:
            reading_options().skip(error)
            continue
        if text.strip():
            yield from cut([text])


def _text_file(path):
    refuse_delimiter(path)
    parts = cut(_pieces(path))
    blank = []  # parts from the beginning on without text
    for part, begins in parts:
        if not part.strip():
            blank.append((part, begins))
            continue
        yield from blank
        yield part, begins
        break
    yield from parts


def _pieces(path):
    """The text of a file, a piece at a time, without lines that cannot be decoded."""
    options = reading_options()
    lines = _Lines(name_of(path), options)
    decoder, is_first = codecs.getincrementaldecoder(options.encoding)(MARKING), True
    with reading(path), open_bytes(path) as file:
        while True:
            data = file.read(PART)
            text = decoder.decode(data, final=not data)
            if is_first and text:
                text, is_first = text.removeprefix("\ufeff"), False
            yield lines.sound(text, is_last=not data)
            if not data:
                return


class _Lines:
    """The lines of a text that comes in pieces, cut anywhere; it leaves those out that hold marks.

    Args:
        name: of the file, for messages.
        options: `ReadingOptions`.
    """

    def __init__(self, name, options):
        self._name, self._options = name, options
        self._number, self._rest = 1, []  # the line that goes on, and its pieces so far

    def sound(self, text, is_last):
        """The next piece of text as it goes on, of whole lines where some may be left out."""
        if self._options.skip_invalid:
            end = len(text) if is_last else text.rfind("\n") + 1
            if not end and not is_last:
                self._rest.append(text)
                return ""
            text, self._rest = "".join((*self._rest, text[:end])), [text[end:]]
            if find_mark(text) is not None:
                return "".join(filter(self._is_sound, re.findall(".*\n|.+", text)))
        at = find_mark(text)
        if at is not None:
            raise self._error(text, at)
        self._number += text.count("\n")
        return text

    def _is_sound(self, line):
        at = find_mark(line)
        if at is not None:
            self._options.skip(self._error(line, at))
        self._number += 1
        return at is None

    def _error(self, text, at):
        number = self._number + text.count("\n", 0, at)
        return marked_error(text[at], self._name, number, self._options.encoding)


def cut(pieces):
    """The parts of one document: see `read_documents`.

    Args:
        pieces: iterable of strings, the document cut anywhere.

    >>> list(cut(["To be"]))
    [('To be', True)]
    """
    begins, rest = True, ""
    for piece in pieces:
        for start in range(0, len(piece), PART):
            rest += piece[start : start + PART]
            place = _place(rest) if len(rest) >= 2 * PART else None
            if place is not None:
                yield rest[:place], begins
                rest, begins = rest[place:], False
    if rest:
        yield rest, begins


def _place(text):
    """Where a text of two parts or more may be cut, or None. It is near its end."""
    place = text.rfind(" ", PART)
    while place >= 0:
        if not text[place - 1].isspace():
            return place
        place = text.rfind(" ", PART, place)
    return PART if len(text) >= _LONGEST else None
