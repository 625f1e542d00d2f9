"""The files of a corpus that is split into shards, and their lines side by side."""

import glob
import io
import itertools
from contextlib import ExitStack
from pathlib import Path

from keras_attention._validation import InputError
from keras_attention.text.corpora.decoded_lines import BYTE_ORDER_MARK, decode_line
from keras_attention.text.corpora.reading_options import reading_options
from keras_attention.text.corpora.text_files import open_bytes, reading, refuse_delimiter


def find_shards(pattern):
    """The shards that a path names, in sorted order.

    Args:
        pattern: a file, a directory (all its files that are not hidden), or a glob pattern. In a
            pattern, `**` stands for any directories.

    Returns:
        List of paths, as strings. A path without wildcards is returned even if it does not exist.

    Raises:
        InputError: if a directory has no file, or no file matches.
    """
    path = Path(pattern)
    if path.is_dir():
        found = [file for file in path.iterdir() if not file.name.startswith(".")]
        where = "a directory without files"
    elif path.exists() or not glob.has_magic(str(pattern)):
        return [str(pattern)]
    else:
        found = [Path(name) for name in glob.glob(str(pattern), recursive=True)]
        where = "no file matches"
    shards = sorted(str(file) for file in found if file.is_file())
    if not shards:
        raise InputError(f"{pattern}: {where}.")
    return shards


def find_parallel_shards(source, target):
    """The shards of both sides of a parallel corpus, paired in sorted order.

    Args:
        source, target: see `find_shards`.

    Returns:
        List of `(source path, target path)`.

    Raises:
        InputError: if a side has no file, or one has more files than the other.
    """
    sources, targets = find_shards(source), find_shards(target)
    if len(sources) != len(targets):
        alone = (sources if len(sources) > len(targets) else targets)[
            min(len(sources), len(targets))
        ]
        raise InputError(
            f"{source} has {len(sources):,} shards and {target} has {len(targets):,}; each needs a "
            f"partner in sorted order, and {alone} has none."
        )
    return list(zip(sources, targets, strict=True))


def raw_rows(paths, offsets=None):
    """The lines of several files side by side: tuples of bytes, line ends included.

    Args:
        paths: of files with the same number of lines.
        offsets: the byte in the text of each file to begin at. The text of a `.gz` file before it
            is decompressed and discarded. None for the beginning.

    Raises:
        InputError: if a file cannot be read, or ends before another. The message gives both numbers
            of lines.
    """
    for path in paths:
        refuse_delimiter(path)
    with ExitStack() as stack:
        sides = [
            stack.enter_context(_Lines(path, offset))
            for path, offset in zip(paths, offsets or [0] * len(paths), strict=True)
        ]
        for row, lines in enumerate(itertools.zip_longest(*sides)):
            if None in lines:
                ended = lines.index(None)
                other = next(side for side, line in enumerate(lines) if line is not None)
                counts = {ended: row, other: row + 1 + sum(1 for _ in sides[other])}
                found = [f"{paths[side]} has {counts[side]:,}" for side in sorted(counts)]
                raise InputError(
                    f"{found[0]} lines and {found[1]}; a parallel corpus needs as many of each."
                )
            yield lines


class _Lines:
    """The lines of one file as bytes. Errors name the file."""

    def __init__(self, path, offset):
        self._path = path
        with reading(path):
            # GzipFile reads single lines slowly.
            self._file = io.BufferedReader(open_bytes(path), 1 << 20)
            if offset:
                self._file.seek(offset)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    def __iter__(self):
        with reading(self._path):
            yield from self._file


def decode_row(lines, paths, number):
    """The texts of row `number` of `raw_rows`, counted from 1 at the beginning of the files."""
    options = reading_options()
    if not options.has_lines_of_bytes:
        raise InputError(f"{paths[0]}: a file of {options.encoding} cannot be read by windows.")
    if number == 1:
        lines = [line.removeprefix(BYTE_ORDER_MARK) for line in lines]
    return tuple(
        decode_line(line.removesuffix(b"\n"), path, number, options.encoding)
        for line, path in zip(lines, paths, strict=True)
    )
