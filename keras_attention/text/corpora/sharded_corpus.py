"""A corpus in shard files that is read by windows and never held as a whole."""

import dataclasses
import hashlib
import itertools
import os

from keras_attention._validation import InputError
from keras_attention.text.corpora.shard_lines import decode_row, raw_rows

# A window is made of so many pieces from all over the corpus, so that neighbours in it, which are
# often alike, make up an eighth of what a batch is drawn from. Each is a place to seek.
PIECES = 8


@dataclasses.dataclass
class ShardedCorpus:
    """What is known of the rows of shard files: where the pieces of its windows begin.

    A row is a line of each side: a text, or a sentence and its translation. All lines of all
    shards, one after the other, are cut into pieces of `piece_lines`. With W windows, window w
    holds the pieces w, W + w, 2 W + w and so on, at most `PIECES` of them, in every epoch.

    `scan_shards` makes it. It takes a few numbers for each piece, and survives JSON.

    Attributes:
        shards: list of lists of paths, one a side.
        states: for each shard and side `[bytes, time of change in ns, sha256 of the text]`.
        piece_lines: lines of a piece; the last may have fewer.
        pieces: list of `[shard, lines before it in the shard, bytes before it on each side]`.
        lines: of all shards.
        text_bytes: of all shards, decompressed.
        blank: rows that have no text on some side and are left out.
        held_out: numbers of the rows that are not for training.
    """

    shards: list
    states: list
    piece_lines: int
    pieces: list
    lines: int
    text_bytes: int
    blank: int
    held_out: list

    def __post_init__(self):
        self._held_out = frozenset(self.held_out)
        self._parse = None

    def parsed_by(self, parse):
        """The same, with `parse(line, path, number)` to take the text from a line; returns it."""
        self._parse = parse
        return self

    @property
    def sides(self):
        """The number of texts in a row."""
        return len(self.shards[0])

    def __len__(self):
        """The number of windows W."""
        return -(-len(self.pieces) // PIECES)

    def window_of(self, piece):
        """The window that a piece belongs to."""
        return piece % len(self)

    def read(self, window):
        """The rows of a window, without those held out and blank ones: a list for each side."""
        pieces = range(window, len(self.pieces), len(self))
        rows = [row for piece in pieces for row in self._kept(piece, self._from(piece))]
        return _sides(rows, self.sides)

    def each_piece(self):
        """All pieces in order, each as `read` gives a window; no file is read twice."""
        lines = self._from(0)
        for piece in range(len(self.pieces)):
            yield _sides(list(self._kept(piece, lines)), self.sides)

    def _from(self, piece):
        """The rows from a piece to the corpus' end."""
        shard, before, offsets = self.pieces[piece]
        for paths in self.shards[shard:]:
            for number, lines in enumerate(raw_rows(paths, offsets), start=before + 1):
                yield parse_row(lines, paths, number, self._parse)
            before, offsets = 0, None

    def _kept(self, piece, rows):
        """Those of the next `piece_lines` rows that are to be trained on."""
        first = piece * self.piece_lines
        for number, row in enumerate(itertools.islice(rows, self.piece_lines), start=first):
            if number not in self._held_out and not is_blank(row):
                yield row

    def reading(self):
        """How often an epoch goes over the bytes of the corpus.

        Once, but for compressed shards: what stands before a piece must be decompressed as well.
        """
        skipped = sum(
            offset
            for shard, _, offsets in self.pieces
            for path, offset in zip(self.shards[shard], offsets, strict=True)
            if path.endswith(".gz")
        )
        return 1 + skipped / max(1, self.text_bytes)

    def require_unchanged(self, shards):
        """Makes sure that the corpus is what it was.

        A file whose size and time of change are the same is taken to be the same; one with another
        time is read, and compared by its sha256.

        Args:
            shards: list of tuples of paths that make up the corpus now.

        Raises:
            InputError: if there are other files, or one has changed.
        """
        if [list(paths) for paths in shards] != self.shards:
            then = {path for paths in self.shards for path in paths}
            now = {path for paths in shards for path in paths}
            other = sorted(then ^ now)[0]
            what = "is new" if other in now else "is missing"
            raise InputError(f"{other} {what}: these are not the shards that the run began with.")
        for paths, states in zip(self.shards, self.states, strict=True):
            for path, (size, time, sha256) in zip(paths, states, strict=True):
                now = file_state(path)
                if now[0] != size or (now[1] != time and text_sha256(path) != sha256):
                    raise InputError(f"{path} has changed since the run began.")

    def to_dict(self):
        """A dict of JSON values."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


def parse_row(lines, paths, number, parse):
    """The texts of a raw row, the `number`-th of the files `paths`."""
    texts = decode_row(lines, paths, number)
    if parse is not None:
        texts = tuple(parse(text, path, number) for text, path in zip(texts, paths, strict=True))
    return texts


def is_blank(row):
    """Whether a side has no text."""
    return not all(text.strip() for text in row)


def file_state(path):
    """The size of a file in bytes and its time of change in ns: a list."""
    try:
        found = os.stat(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error
    return [found.st_size, found.st_mtime_ns]


def text_sha256(path):
    """The sha256 of a file's text, decompressed."""
    digest = hashlib.sha256()
    for (line,) in raw_rows([path]):
        digest.update(line)
    return digest.hexdigest()


def _sides(rows, sides):
    return [[row[side] for row in rows] for side in range(sides)]
