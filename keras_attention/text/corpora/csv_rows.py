"""The rows of comma-separated values, and what is left of them after a quote that does not fit."""

import collections
import csv
import re

from keras_attention._validation import InputError
from keras_attention.text.corpora.decoded_lines import InvalidLine, ended_by_returns
from keras_attention.text.corpora.reading_options import reading_options

LONGEST_FIELD = 2**31 - 1  # characters


class CsvRows:
    """The rows of comma-separated values: an iterable of `(line, fields)`.

    A field in quotes may hold delimiters, quotes and line ends. So one quote too many takes the
    rows after it for a part of its own. Where `reading_as` skips faulty rows, each line that such a
    row has taken is read again as a row of its own, and no good row is lost. A row with a line that
    cannot be decoded is left out whole.

    Lines end with a line feed or a carriage return. Lines of white space alone are left out.

    Args:
        lines: of the file, an iterable of strings, some of them `InvalidLine`s.
        path: of the file, for messages.
        delimiter: one character.

    Raises:
        InputError: if a row is faulty and may not be skipped; the first, which names the columns,
            never may.

    >>> list(CsvRows(["text,label", '"one, two",x'], "a.csv", ","))
    [(1, ['text', 'label']), (2, ['one, two', 'x'])]
    """

    def __init__(self, lines, path, delimiter):
        csv.field_size_limit(LONGEST_FIELD)  # of the process: its own limit is 131,072 characters
        self._options = reading_options()
        self._lines = ended_by_returns(lines, path, self._options)
        self._path, self._delimiter = path, delimiter
        self._again = collections.deque()  # `(number, line)` to be read once more
        self._taken = []  # those of the row that is being read
        self._has_ended = False
        self._width = None  # the number of columns

    def __iter__(self):
        while not self._has_ended or self._again:
            yield from self._until_a_fault()

    def _until_a_fault(self):
        reader = csv.reader(self._feed(), strict=True, delimiter=self._delimiter)
        while True:
            self._taken = []
            try:
                fields = next(reader, None)
                if fields is None:
                    return
                if self._has_stray_quote(fields):
                    raise csv.Error("a quote within a field")
            except csv.Error as error:
                yield from self._recovered(error)
                return
            invalid = self._invalid()
            if invalid is not None:
                self._skip(invalid)
            elif len(fields) > 1 or any(field.strip() for field in fields):
                self._width = self._width or len(fields)
                yield self._taken[0][0], fields

    def _feed(self):
        """The lines to be read, each noted as taken."""
        self._has_ended = False
        while True:
            taken = self._again.popleft() if self._again else next(self._lines, None)
            if taken is None:
                self._has_ended = True
                return
            self._taken.append(taken)
            yield f"{taken[1]}\n" if not taken[1].endswith("\r") else str(taken[1])

    def _has_stray_quote(self, fields):
        """Whether a row of several lines has a wrong number of fields because of a quote."""
        if len(self._taken) == 1 or self._width in (None, len(fields)):
            return False
        field = f'(?:"(?:[^"]|"")*+"|[^"{re.escape(self._delimiter)}]*+)'
        row = "\n".join(line for _, line in self._taken)
        return not re.fullmatch(f"{field}(?:{re.escape(self._delimiter)}{field})*+", row)

    def _recovered(self, error):
        """The rows among the lines that a faulty row has taken.

        The line where the fault showed may begin a row of several lines. No line before it does:
        that row would be open where the faulty row was, and end at the same fault.
        """
        (number, _), *others = self._taken
        self._skip(self._invalid() or self._fault(number, error))
        if others and not self._has_ended:
            self._again.appendleft(others.pop())
        for number, line in others:
            if isinstance(line, InvalidLine):
                self._skip(line.error)
                continue
            try:
                fields = next(csv.reader([line], strict=True, delimiter=self._delimiter), [])
            except csv.Error as error:
                self._skip(self._fault(number, error))
                continue
            if len(fields) > 1 or any(field.strip() for field in fields):
                yield number, fields

    def _invalid(self):
        """The `InputError` of the first line taken that cannot be decoded, or None."""
        return next((line.error for _, line in self._taken if isinstance(line, InvalidLine)), None)

    def _fault(self, number, error):
        return InputError(f"{self._path}, line {number}: not comma-separated values ({error}).")

    def _skip(self, error):
        if self._width is None:  # without the names of the columns there are no rows
            raise error
        self._options.skip(error)
