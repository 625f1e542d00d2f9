"""Documents of files of any size, part by part, to train language models on."""

import codecs

from keras_attention._validation import InputError
from keras_attention.text.corpora.labelled_texts import LabelledTexts
from keras_attention.text.corpora.reading_options import reading_options
from keras_attention.text.corpora.tabular_files import each_row, tabular_format
from keras_attention.text.corpora.text_files import BYTE_ORDER_MARK, open_bytes, reading

PART = 1 << 20  # characters of a part, about
_LONGEST = 1 << 24  # characters without a place to cut at, after which any place is one


def read_documents(paths, text_column="text"):
    """The documents of files, part by part, so that none need fit into memory.

    A row of a `.jsonl`, `.csv` or `.tsv` file is a document, and any other file is one. A `.gz`
    file is decompressed. Documents without text are left out.

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
        row = LabelledTexts([text], None, None, [line], str(path))
        try:
            row.require_string(0, text_column, [text])
        except InputError as error:
            reading_options().skip(error)
            continue
        if text.strip():
            yield from cut([text])


def _text_file(path):
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
    """The text of a file, a piece at a time."""
    encoding = reading_options().encoding
    decoder, line, is_first = codecs.getincrementaldecoder(encoding)(), 1, True
    with reading(path), open_bytes(path) as file:
        while True:
            data = file.read(PART)
            if is_first:
                data, is_first = data.removeprefix(BYTE_ORDER_MARK), False
            try:
                text = decoder.decode(data, final=not data)
            except UnicodeDecodeError as error:
                line += error.object[: error.start].count(b"\n")
                byte = error.object[error.start]
                raise InputError(
                    f"{path}, line {line}: not {encoding.upper()} text (0x{byte:02x} is no part of "
                    "it here)."
                ) from error
            line += text.count("\n")
            yield text
            if not data:
                return


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
