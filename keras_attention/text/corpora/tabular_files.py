"""Columns of .csv, .tsv and .jsonl files, plain or gzipped."""

import itertools
import json
from pathlib import Path

from keras_attention._validation import InputError, one_line
from keras_attention.text.corpora.csv_rows import CsvRows
from keras_attention.text.corpora.decoded_lines import InvalidLine, ended_by_returns
from keras_attention.text.corpora.kept_input import has_file_name, name_of
from keras_attention.text.corpora.reading_options import reading_options
from keras_attention.text.corpora.text_files import all_lines, each_line

FORMATS = (".csv", ".tsv", ".jsonl")


def tabular_format(path):
    """ ".csv", ".tsv" or ".jsonl", from the file's name without `.gz`; None for another file.

    A pipe has no such name. It is a table where `reading_as` names a delimiter.
    """
    suffix = Path(str(path).removesuffix(".gz")).suffix.lower()
    if suffix in FORMATS:
        return suffix
    delimiter = reading_options().delimiter
    if delimiter is None or has_file_name(path):
        return None
    return ".tsv" if delimiter == "\t" else ".csv"


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
    lines = _table_lines(path)
    rows = list(_rows_of(lines, _format_of(path, lines), columns, name_of(path)))
    if not rows:
        raise InputError(f"{name_of(path)}: no rows; expected one example or more.")
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
    yield from _rows_of(each_line(path), _format_of(path), columns, name_of(path))


def read_header(path):
    """The names of the columns of a tabular file; of a `.jsonl` file those of its first row.

    Raises:
        InputError: if the file cannot be read, or has neither names nor rows.

    >>> read_header("pairs.tsv")
    ['text', 'pair']
    """
    lines, name = _table_lines(path), name_of(path)
    file_format = _format_of(path, lines)
    if file_format == ".jsonl":
        number, line = next(_json_lines(lines, name), (1, "{}"))
        names = list(_json_object(line, number, name))
    else:
        header = next(iter(_fields(lines, name, file_format)), (1, []))[1]
        names = [column.strip() for column in header]
    if not names:
        raise InputError(f"{name}: no rows; expected one example or more.")
    return names


def _table_lines(path):
    """All lines of a table."""
    is_json = has_file_name(path) and _format_of(path) == ".jsonl"
    columns = "a line with the names of the columns, then the rows"
    return all_lines(path, "one JSON object a line" if is_json else columns)


def _format_of(path, lines=()):
    """As `tabular_format`; of a pipe, where a table is needed, it is known by the first line."""
    file_format = tabular_format(path)
    if file_format is None and not has_file_name(path):
        first = next((line for line in lines if line.strip()), "")
        if first.lstrip().startswith("{"):
            return ".jsonl"
        return ".tsv" if "\t" in first else ".csv"
    if file_format is None:
        raise InputError(
            f"{path}: unknown kind of file; expected {', '.join(FORMATS)} (or with .gz)."
        )
    return file_format


def _rows_of(lines, file_format, columns, path):
    """`(line, values)` of every row in lines, of which some may be `InvalidLine`s."""
    if file_format == ".jsonl":
        _refuse_delimiter(path)
        return _json_rows(lines, columns, path)
    return _choose(iter(_fields(lines, path, file_format)), columns, path)


def _fields(lines, path, file_format):
    """`(line, fields)` of every row of a `.csv` or `.tsv` file, the names of its columns first."""
    reading_options().has_separated = True
    delimiter = reading_options().delimiter
    if file_format == ".csv":
        return CsvRows(lines, path, delimiter or ",")
    return _tsv_rows(lines, path, delimiter or "\t")


def _tsv_rows(lines, path, delimiter):
    is_first = True
    for number, line in _numbered(lines, path):
        if isinstance(line, InvalidLine) and is_first:  # there are no rows without columns
            raise line.error
        if isinstance(line, InvalidLine):
            reading_options().skip(line.error)
        elif line.strip() or delimiter in line:
            is_first = False
            yield number, line.split(delimiter)


def _json_lines(lines, path):
    """`(number, line)` of the lines that are not blank."""
    for number, line in _numbered(lines, path):
        if isinstance(line, InvalidLine):
            reading_options().skip(line.error)
        elif line.strip():
            yield number, line


def _numbered(lines, path):
    """Lines with their numbers. In a file without line feeds they end with carriage returns."""
    lines = iter(lines)
    begin = list(itertools.islice(lines, 2))
    if len(begin) == 1:
        for number, line in ended_by_returns(begin, path, reading_options()):
            yield number, line if isinstance(line, InvalidLine) else line.removesuffix("\r")
        return
    yield from enumerate(begin, start=1)
    yield from enumerate(lines, start=3)


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
    for number, line in _json_lines(lines, path):
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
