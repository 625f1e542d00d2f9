"""Columns of .csv, .tsv and .jsonl files, plain or gzipped."""

import csv
import json
from pathlib import Path

from keras_attention._validation import InputError, one_line
from keras_attention.text.corpora.reading_options import reading_options
from keras_attention.text.corpora.text_files import each_line, read_lines

FORMATS = (".csv", ".tsv", ".jsonl")
LONGEST_FIELD = 2**31 - 1  # characters


def tabular_format(path):
    """ ".csv", ".tsv" or ".jsonl", from the file's name without `.gz`; None for another file."""
    suffix = Path(str(path).removesuffix(".gz")).suffix.lower()
    return suffix if suffix in FORMATS else None


def read_columns(path, columns):
    """Some columns of a tabular file.

    The first line of a `.csv` or `.tsv` file names its columns. A `.jsonl` file has one JSON object
    a line. In a `.csv` file a field in quotes may hold commas, quotes and line ends. A `.tsv` file
    has no quotes: every tab separates two fields. Empty lines are skipped.

    Args:
        path: of the file: `.csv`, `.tsv` or `.jsonl`, optionally `.gz`.
        columns: list of names.

    Returns:
        A list of values for each column (strings, or any JSON value), and the number of the line
        where each row begins.

    Raises:
        InputError: if the file cannot be read, is not UTF-8, lacks a column or has no rows, or if a
            row has too few or too many fields. The message names the line.
    """
    file_format = _require_format(path)
    if file_format == ".jsonl":
        _refuse_delimiter(path)
        lines = read_lines(path, expected="one JSON object a line", keep_invalid=True)
        rows = list(_json_rows(lines, columns, path))
    else:
        rows = list(_choose(_fields(path, file_format), columns, path))
    if not rows:
        raise InputError(f"{path}: no rows; expected one example or more.")
    return [list(values) for values in zip(*[row for _, row in rows], strict=True)], [
        line for line, _ in rows
    ]


def each_row(path, columns):
    """Some columns of a tabular file, a row at a time: see `read_columns`.

    Yields:
        `(line, values)`: the number of the line where the row begins, and a value for each column.

    Raises:
        InputError: as `read_columns`, but not for a file without rows.
    """
    file_format, lines = _require_format(path), each_line(path)
    if file_format == ".jsonl":
        _refuse_delimiter(path)
        yield from _json_rows(lines, columns, path)
    else:
        yield from _choose(_rows(lines, path, file_format), columns, path)


def read_header(path):
    """The names of the columns of a tabular file; of a `.jsonl` file those of its first row.

    Raises:
        InputError: if the file cannot be read, or has neither names nor rows.

    >>> read_header("pairs.tsv")
    ['text', 'pair']
    """
    if _require_format(path) == ".jsonl":
        lines = enumerate(read_lines(path, expected="one JSON object a line"), start=1)
        number, line = next(((n, line) for n, line in lines if line.strip()), (1, "{}"))
        names = list(_json_object(line, number, path))
    else:
        rows = _fields(path, tabular_format(path))
        names = [name.strip() for name in next(rows, (1, []))[1]]
    if not names:
        raise InputError(f"{path}: no rows; expected one example or more.")
    return names


def _require_format(path):
    file_format = tabular_format(path)
    if file_format is None:
        raise InputError(
            f"{path}: unknown kind of file; expected {', '.join(FORMATS)} (or with .gz)."
        )
    return file_format


def _fields(path, file_format):
    """`(line, fields)` of every row of a `.csv` or `.tsv` file, the names of its columns first."""
    expected = "a line with the names of the columns, then the rows"
    return _rows(read_lines(path, expected=expected, keep_invalid=True), path, file_format)


def _rows(lines, path, file_format):
    """`(line, fields)` of every row in lines, of which some may be None."""
    delimiter = reading_options().delimiter
    if file_format == ".csv":
        return _csv_rows(lines, path, delimiter or ",")
    return _tsv_rows(lines, delimiter or "\t")


def _csv_rows(lines, path, delimiter):
    """`(line, fields)` of every row. A row may take several lines; `line` is its first."""
    csv.field_size_limit(LONGEST_FIELD)  # of the process: its own limit is 131,072 characters
    text = ("\n" if line is None else f"{line}\n" for line in lines)
    reader = csv.reader(text, strict=True, delimiter=delimiter)
    line = 1
    while True:
        try:
            fields = next(reader, None)
        except csv.Error as error:
            said = f"{path}, line {line}: not comma-separated values ({error})."
            reading_options().skip(InputError(said))
            fields = []
        if fields is None:
            return
        if fields:
            yield line, fields
        line = reader.line_num + 1


def _tsv_rows(lines, delimiter):
    return ((n, line.split(delimiter)) for n, line in enumerate(lines, start=1) if line)


def _refuse_delimiter(path):
    if reading_options().delimiter is not None:
        raise InputError(f"{path}: `delimiter` is of .csv and .tsv files; this one has none.")


def _choose(rows, columns, path):
    """`(line, fields of `columns`)` of every row after the first, which names all columns."""
    line, header = next(rows, (1, []))
    header = [name.strip() for name in header]
    indices = []
    for column in columns:
        if header.count(column) != 1:
            found = "more than one" if column in header else "no"
            raise InputError(
                f"{path}, line {line}: {found} column {column!r}; its columns are {listed(header)}."
            )
        indices.append(header.index(column))
    for line, fields in rows:
        if len(fields) != len(header):
            said = (
                f"{path}, line {line}: the row has {len(fields)} field{'s'[: len(fields) != 1]}; "
                f"expected {len(header)} ({listed(header)})."
            )
            reading_options().skip(InputError(said))
            continue
        yield line, [fields[index] for index in indices]


def _json_rows(lines, columns, path):
    for number, line in enumerate(lines, start=1):
        if line is None or not line.strip():
            continue
        try:
            row = json_row(line, number, columns, path)
        except InputError as error:
            reading_options().skip(error)
            continue
        yield number, row


def json_row(line, number, columns, path):
    """The values of `columns` in the JSON object on line `number` of `path`.

    Raises:
        InputError: if the line is not a JSON object with these columns.
    """
    row = _json_object(line, number, path)
    for column in columns:
        if column not in row:
            raise InputError(
                f"{path}, line {number}: no column {column!r}; its columns are {listed(row)}."
            )
    return [row[column] for column in columns]


def _json_object(line, number, path):
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}, line {number}: not JSON ({one_line(error)}).") from error
    if not isinstance(row, dict):
        raise InputError(f"{path}, line {number}: expected a JSON object, {{...}}.")
    return row


def listed(names, longest=40):
    """Names in quotes, for error messages. Long names are cut.

    >>> listed(["text", "label"])
    "'text', 'label'"
    """
    return ", ".join(
        repr(name if len(name) <= longest else f"{name[:longest]}...") for name in names
    )
