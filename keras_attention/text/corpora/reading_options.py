"""How text files are read: their encoding, the delimiter of tables, and what becomes of faults."""

import codecs
import dataclasses
import warnings
from contextlib import contextmanager

from keras_attention._validation import InputError, require

UTF_8 = "utf-8"
_ASCII = bytes(range(128))


@dataclasses.dataclass
class ReadingOptions:
    """How every file of texts is read within `reading_as`.

    Args:
        encoding: of all text files, a name that Python knows.
        delimiter: what separates the fields of a `.csv` or `.tsv` file, one character; None for
            what its name says.
        skip_invalid: whether rows that cannot be read are left out.

    Attributes:
        skipped: what was wrong with each row that was left out, a list of strings.
    """

    encoding: str = UTF_8
    delimiter: str | None = None
    skip_invalid: bool = False
    skipped: list = dataclasses.field(default_factory=list)

    def __post_init__(self):
        try:
            self.encoding = codecs.lookup(self.encoding).name
            "".encode(self.encoding)  # others are of bytes, such as base64
        except (LookupError, TypeError) as error:
            raise InputError(
                "`encoding` must be one that Python knows, such as utf-8, latin-1 or cp1252. "
                f"Received: encoding={self.encoding!r}"
            ) from error
        delimiter = {"\\t": "\t", "tab": "\t"}.get(self.delimiter, self.delimiter)
        self.delimiter = delimiter
        require(
            delimiter is None
            or (isinstance(delimiter, str) and len(delimiter) == 1 and delimiter not in '"\r\n'),
            "delimiter",
            "one character, or \\t for a tab, and neither a quote nor the end of a line",
            delimiter=delimiter,
        )

    @property
    def has_lines_of_bytes(self):
        """Whether each line can be decoded alone: whether ASCII is as in ASCII."""
        try:
            return _ASCII.decode(self.encoding) == _ASCII.decode("ascii")
        except UnicodeError:
            return False

    def skip(self, error):
        """Notes that a row is left out because of an `InputError`; raises that if it may not be."""
        if not self.skip_invalid:
            raise error
        said = str(error)
        if said not in self._noted:  # a corpus may be read in every epoch
            self._noted.add(said)
            self.skipped.append(said)
            warnings.warn(f"{said} It is left out.", stacklevel=2)

    @property
    def _noted(self):
        return self.__dict__.setdefault("noted", set(self.skipped))

    def sound(self, count, check):
        """The numbers from 0 to `count` - 1 for which `check` raises no `InputError`, a list."""
        found = []
        for index in range(count):
            try:
                check(index)
            except InputError as error:
                self.skip(error)
            else:
                found.append(index)
        return found


_options = ReadingOptions()  # of the whole process, for threads read files too


def reading_options():
    """The `ReadingOptions` that count now."""
    return _options


@contextmanager
def reading_as(encoding=UTF_8, delimiter=None, skip_invalid=False):
    """Within the block all text files are read so, by every thread.

    A warning names each row that is left out.

    Yields:
        The `ReadingOptions`, whose `skipped` says which rows were left out.

    Raises:
        InputError, ValueError: if an option is unusable.

    >>> with reading_as(encoding="latin-1", delimiter=";", skip_invalid=True) as reading:
    ...     data = read_labelled("reviews.csv")
    >>> reading.skipped
    ["reviews.csv, line 7: the label ('label') is empty."]
    """
    global _options
    former, _options = _options, ReadingOptions(encoding, delimiter, skip_invalid)
    try:
        yield _options
    finally:
        _options = former
