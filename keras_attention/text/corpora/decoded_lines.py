"""Lines of bytes as text. One that is not of its encoding is refused, or known as such."""

import codecs
import re

from keras_attention._validation import InputError
from keras_attention.text.corpora.reading_options import UTF_8, ReadingOptions

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MARKING = "keras_attention.marking"  # an error handler of codecs
_MARK = re.compile("[\ud800-\udfff]")
_PLAIN = ReadingOptions()


def _mark(error):
    """Half a surrogate pair for each byte that cannot be decoded: no text holds such a half."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error(MARKING, _mark)


class InvalidLine(str):
    """A line that cannot be decoded and may be skipped, with a mark for each byte that is no text.

    Its other characters are as they would be in a line of text: quotes still open and close fields.

    Attributes:
        error: the `InputError` that names the line.
    """

    def __new__(cls, text, error):
        line = super().__new__(cls, text)
        line.error = error
        return line


def find_mark(text):
    """The index of the first byte in a text, decoded by `MARKING`, that is no text; or None."""
    found = None if text.isascii() else _MARK.search(text)
    return found and found.start()


def marked_error(mark, name, number, encoding):
    """The `InputError` for a character that `find_mark` finds in line `number` of `name`."""
    byte = ord(mark) - 0xDC00
    what = f"0x{byte:02x} is no part of it here" if 0 <= byte < 256 else "half a surrogate pair"
    return InputError(f"{name}, line {number}: not {encoding.upper()} text ({what}).")


def decode_lines(data, name, options=_PLAIN):
    """The lines of `data` (bytes). Error messages call it `name`.

    Args:
        data: bytes.
        name: of the file.
        options: `ReadingOptions`. Where they skip what is invalid, such a line is an `InvalidLine`.
    """
    if not options.has_lines_of_bytes:
        text = data.decode(options.encoding, MARKING).removeprefix("\ufeff")
        return list(_checked(_without_last(text.split("\n")), name, options))
    lines = _without_last(data.removeprefix(BYTE_ORDER_MARK).split(b"\n"))
    return [line_or_invalid(line, name, n, options) for n, line in enumerate(lines, start=1)]


def _without_last(lines):
    if not lines[-1]:
        lines.pop()
    return lines


def _checked(lines, name, options):
    """Lines of text that was decoded as a whole: bytes alone are no lines, as in UTF-16."""
    for number, line in enumerate(lines, start=1):
        line = line.removesuffix("\r")
        at = find_mark(line)
        if at is not None:
            error = marked_error(line[at], name, number, options.encoding)
            if not options.skip_invalid:
                raise error
            line = InvalidLine(line, error)
        yield line


def line_or_invalid(line, name, number, options):
    """The text of a line of bytes; an `InvalidLine` where it has none and may be skipped."""
    try:
        return decode_line(line, name, number, options.encoding)
    except InputError as error:
        if not options.skip_invalid:
            raise
        return InvalidLine(line.removesuffix(b"\r").decode(options.encoding, MARKING), error)


def decode_line(line, name, number, encoding=UTF_8):
    """The text of line `number` of `name`, given as bytes without the line feed.

    Raises:
        InputError: if it is not of the encoding, or holds half a surrogate pair.
    """
    try:
        text = line.removesuffix(b"\r").decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{name}, line {number}: not {encoding.upper()} text (byte {error.start + 1} is "
            f"0x{line[error.start]:02x})."
        ) from error
    at = None if encoding == UTF_8 else find_mark(text)  # some encodings have names for halves
    if at is not None:
        raise InputError(f"{name}, line {number}: it holds half a surrogate pair.")
    return text


def ended_by_returns(lines, name, options):
    """`(number, line)` of lines of text, which a carriage return within a line ends too.

    It stands at the end of the line. What is invalid of an `InvalidLine` is only that part of it
    which cannot be decoded.
    """
    number = 0
    for line in lines:
        for part in re.split("(?<=\r)", line) if "\r" in line else (line,):
            number += 1
            if isinstance(line, InvalidLine) and part is not line:
                at = find_mark(part)
                if at is not None:
                    error = marked_error(part[at], name, number, options.encoding)
                    part = InvalidLine(part, error)
            yield number, part
