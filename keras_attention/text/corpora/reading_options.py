"""How text files are read: their encoding, the delimiter of tables, and what becomes of faults."""

import codecs
import dataclasses
import re
import warnings
from contextlib import contextmanager

from keras_attention._validation import InputError, require
from keras_attention.text.corpora.kept_input import keeping_pipes

UTF_8 = "utf-8"
READING = ("encoding", "delimiter", "skip_invalid")  # the names of the options
MOST_NAMED = 1000  # faulty rows; further ones are counted
_ASCII = bytes(range(128))
_PLACE = re.compile(r".*?, line \d+(?=:)|.*", re.DOTALL)  # in a message
_SAMPLE = f"text, {'a' * 80}.\n"  # that any encoding of texts gives back


@dataclasses.dataclass
class ReadingOptions:
    """How every file of texts is read within `reading_as`.

    Args:
        encoding: of all text files, a name that Python knows.
        delimiter: what separates the fields of a `.csv` or `.tsv` file, one character; None for
            what its name says.
        skip_invalid: whether rows that cannot be read are left out.

    Attributes:
        has_separated: whether a `.csv` or `.tsv` file was read.
        skipped: what was wrong with each row that was left out, a list of strings; of the first
            1,000.
        count: how many were left out.
    """

    encoding: str = UTF_8
    delimiter: str | None = None
    skip_invalid: bool = False
    skipped: list = dataclasses.field(default_factory=list)
    count: int = 0
    has_separated: bool = False

    def __post_init__(self):
        self._known = set()  # hashes of the places of what was skipped
        try:
            self.encoding = codecs.lookup(self.encoding).name
            is_of_text = _round_trip(self.encoding) == _SAMPLE
        except (LookupError, TypeError, UnicodeError) as error:
            raise self._no_encoding() from error
        if not is_of_text:
            raise self._no_encoding()
        delimiter = {"\\t": "\t", "tab": "\t"}.get(self.delimiter, self.delimiter)
        self.delimiter = delimiter
        require(
            delimiter is None
            or (isinstance(delimiter, str) and len(delimiter) == 1 and delimiter not in '"\r\n'),
            "delimiter",
            "one character, or \\t for a tab, and neither a quote nor the end of a line",
            delimiter=delimiter,
        )

    @classmethod
    def are_same(cls, name, one, other):
        """Whether two values of an option mean the same, as "utf8" and "utf-8" do."""
        return getattr(cls(**{name: one}), name) == getattr(cls(**{name: other}), name)

    @property
    def has_lines_of_bytes(self):
        """Whether each line can be decoded alone: whether ASCII is as in ASCII."""
        try:
            return _ASCII.decode(self.encoding) == _ASCII.decode("ascii")
        except UnicodeError:
            return False

    def skip(self, error, instead="It is left out."):
        """Notes that a row is left out because of an `InputError`; raises that if it may not be.

        Args:
            error: the `InputError`, which names the row.
            instead: a sentence that says what becomes of the row, for the warning.
        """
        if not self.skip_invalid:
            raise error
        said = str(error)
        row = hash(_PLACE.match(said)[0])
        if row in self._known:  # a corpus may be read in every epoch, and in several ways
            return
        self._known.add(row)
        self.count += 1
        if self.count <= MOST_NAMED:
            self.skipped.append(said)
            warnings.warn(f"{said} {instead}", stacklevel=2)

    @property
    def summary(self):
        """A sentence that says how many rows were left out."""
        count = f"{self.count:,} row{'s'[: self.count != 1]}"
        if self.count > len(self.skipped):
            return f"{count} could not be read; the first {len(self.skipped):,} are named above."
        return f"{count} could not be read, as said above."

    def add(self, other):
        """Takes what was read and skipped by other options as its own."""
        self.has_separated = self.has_separated or other.has_separated
        self.skipped += other.skipped[: MOST_NAMED - len(self.skipped)]
        self.count += other.count

    def _no_encoding(self):
        return InputError(
            "`encoding` must be one that Python knows, such as utf-8, latin-1 or cp1252. "
            f"Received: encoding={self.encoding!r}"
        )

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


def _round_trip(encoding):
    """`_SAMPLE` as an encoding gives it back; some are of bytes, or of the names of hosts."""
    data, decoder = _SAMPLE.encode(encoding), codecs.getincrementaldecoder(encoding)()
    if data.endswith(b"\\n"):  # it is of literals in programs, in which no line ends
        return None
    return decoder.decode(data[:5]) + decoder.decode(data[5:], final=True)


_ALWAYS = _options = ReadingOptions()  # of the whole process, for threads read files too


def reading_options():
    """The `ReadingOptions` that count now."""
    return _options


@contextmanager
def reading_as(encoding=UTF_8, delimiter=None, skip_invalid=False):
    """Within the block all text files are read so, by every thread.

    A warning names each row that is left out, of many the first 1,000. A pipe may be read several
    times.

    Yields:
        The `ReadingOptions`, whose `skipped` says which rows were left out, and `count` how many.

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
        with keeping_pipes():
            yield _options
    finally:
        if former is not _ALWAYS:
            former.add(_options)
        _options = former
