"""A corpus in shard files that is read in windows, so that it need not fit into memory."""

import dataclasses
import hashlib
import itertools
import os

from keras_attention._validation import InputError
from keras_attention.json_file import stamp
from keras_attention.text.corpora.kept_input import is_read_once, once_stamp
from keras_attention.text.corpora.reading_options import reading_options
from keras_attention.text.corpora.shards import decode_row, raw_rows
from keras_attention.text.corpora.text_files import open_bytes, reading

# A window consists of this many pieces from all over the corpus. Neighbouring rows are often alike;
# so they are an eighth of the rows that a batch is drawn from. Each piece costs a seek.
PIECES = 8


@dataclasses.dataclass
class ShardedCorpus:
    """The rows of shard files, in windows.

    A row is a line of each side: a text, or a sentence and its translation. The lines of all shards
    in order are cut into pieces of `piece_lines`. With W windows, window w holds the pieces w,
    W + w, 2 W + w and so on, at most `PIECES` of them. The windows are the same in every epoch.

    `scan_shards` makes the object. It holds a few numbers for each piece and can be stored as JSON.

    Attributes:
        shards: list of lists of paths, one a side.
        states: for each shard and side `[stamp of the file, sha256 of its text]`.
        piece_lines: lines of a piece; the last piece may have fewer.
        pieces: list of `[shard, lines before it in the shard, bytes before it on each side]`.
        lines: of all shards.
        text_bytes: of all shards, decompressed.
        blank: number of rows without text on some side; they are left out.
        held_out: the numbers of the rows that are held out for validation.
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
        """This corpus, from now on with `parse(line, path, number)` to get a text from a line."""
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
        """The training rows of a window: a list for each side, without held-out and blank rows."""
        pieces = range(window, len(self.pieces), len(self))
        rows = [row for piece in pieces for row in self._kept(piece, self._from(piece))]
        return _sides(rows, self.sides)

    def each_piece(self):
        """All pieces in order, each like a window of `read`. No file is read twice."""
        lines = self._from(0)
        for piece in range(len(self.pieces)):
            yield _sides(list(self._kept(piece, lines)), self.sides)

    def _from(self, piece):
        """The rows from the beginning of a piece to the end of the corpus."""
        shard, before, offsets = self.pieces[piece]
        for index, paths in enumerate(self.shards[shard:], start=shard):
            self._require_unchanged(index, paths)
            for number, lines in enumerate(raw_rows(paths, offsets), start=before + 1):
                yield parse_row(lines, paths, number, self._parse)
            before, offsets = 0, None

    def _kept(self, piece, rows):
        """The training rows among the next `piece_lines` rows."""
        first = piece * self.piece_lines
        for number, row in enumerate(itertools.islice(rows, self.piece_lines), start=first):
            if number not in self._held_out and not is_blank(row):
                yield row

    def reading(self):
        """How many times an epoch reads the bytes of the corpus.

        It is 1 for plain files. In a compressed shard the text before a piece must be decompressed
        again, which counts too.
        """
        skipped = sum(
            offset
            for shard, _, offsets in self.pieces
            for path, offset in zip(self.shards[shard], offsets, strict=True)
            if path.endswith(".gz")
        )
        return 1 + skipped / max(1, self.text_bytes)

    @property
    def digests(self):
        """The sha256 of the text of every shard and side."""
        return [[sha256 for _, sha256 in states] for states in self.states]

    def require_unchanged(self, shards):
        """Makes sure that shards hold this corpus, and reads them from now on.

        A file is what it was if neither its inode, its size nor one of its times has changed. Any
        other is read and its sha256 compared, so that moved files are the same ones.

        Args:
            shards: list of tuples of paths, the shards of the corpus now.

        Raises:
            InputError: if there are more or fewer files, or one holds another text.
        """
        shards = [list(paths) for paths in shards]
        if [len(paths) for paths in shards] != [len(paths) for paths in self.shards]:
            then = {path for paths in self.shards for path in paths}
            now = {path for paths in shards for path in paths}
            other = sorted(then ^ now)[0]
            what = "is new" if other in now else "is missing"
            raise InputError(f"{other} {what}: these are not the shards that the run began with.")
        for index, paths in enumerate(shards):
            self._require_unchanged(index, paths)
        self.shards = shards

    def _require_unchanged(self, shard, paths):
        for side, (path, then) in enumerate(zip(paths, self.shards[shard], strict=True)):
            known, sha256 = self.states[shard][side]
            now = file_stamp(path)  # first: a change while reading must show
            if now == known:
                continue
            if text_sha256(path) != sha256:
                raise InputError(
                    f"{path} has changed since the run began."
                    if path == then
                    else f"{path} does not hold what {then} held when the run began."
                )
            self.states[shard][side] = [now, sha256]

    def to_dict(self):
        """A dict of JSON values."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


def parse_row(lines, paths, number, parse):
    """The texts of the raw row `number` of the files `paths`.

    They are empty, which leaves the row out, where it cannot be read and `reading_as` lets skip it.
    """
    try:
        texts = decode_row(lines, paths, number)
        if parse is None:
            return texts
        return tuple(parse(text, path, number) for text, path in zip(texts, paths, strict=True))
    except InputError as error:
        reading_options().skip(error)
        return ("",) * len(paths)


def is_blank(row):
    """Whether a side has no text."""
    return not all(text.strip() for text in row)


def file_stamp(path):
    """`json_file.stamp` of a file that can be read, as a list."""
    with reading(path):
        if is_read_once(path):
            return once_stamp(path)
        os.stat(path)
    return list(stamp(path))


def text_sha256(path):
    """The sha256 of a file's decompressed text."""
    digest = hashlib.sha256()
    with reading(path), open_bytes(path) as file:
        while data := file.read(1 << 20):
            digest.update(data)
    return digest.hexdigest()


def _sides(rows, sides):
    return [[row[side] for row in rows] for side in range(sides)]
