"""Lines of the files of a shard, side by side, from any place on."""

import io
import itertools
from contextlib import ExitStack

from keras_attention._validation import InputError
from keras_attention.text.corpora.parallel_corpus import (
    BYTE_ORDER_MARK,
    decode_line,
    open_bytes,
    reading,
)


def raw_rows(paths, offsets=None):
    """The lines of several files, the n-th of each together: tuples of bytes with their ends.

    Args:
        paths: of files that have as many lines each.
        offsets: the byte in the text of each file where to begin; the text of a `.gz` file is
            decompressed, and thrown away, as far as that. None for the beginning.

    Raises:
        InputError: if a file cannot be read, or ends before another (says both counts).
    """
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
    """The lines of one file as bytes; what goes wrong names it."""

    def __init__(self, path, offset):
        self._path = path
        with reading(path):
            # GzipFile reads single lines slowly.
            self._file = io.BufferedReader(open_bytes(path), 1 << 20)
            self._file.seek(offset)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    def __iter__(self):
        with reading(self._path):
            yield from self._file


def decode_row(lines, paths, number):
    """The texts of one of `raw_rows`, the `number`-th of the files (from 1 on)."""
    if number == 1:
        lines = [line.removeprefix(BYTE_ORDER_MARK) for line in lines]
    return tuple(
        decode_line(line.removesuffix(b"\n"), path, number)
        for line, path in zip(lines, paths, strict=True)
    )
