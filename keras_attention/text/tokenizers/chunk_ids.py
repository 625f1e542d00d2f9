"""WordPiece's search for the tokens of a word, with a cache."""

import re

from keras_attention.text.tokenizers.wordpiece_characters import (
    normalize,
    split_normalized,
    split_words,
)
from keras_attention.text.tokenizers.wordpiece_vocabulary import LONGEST_WORD, SPECIAL_TOKENS

# Limits of the cache: the number of chunks, and the characters of a chunk.
_CACHED_CHUNKS, _LONGEST_CACHED = 1 << 16, 64

_BEGIN = 3  # characters of a word by which the longest token that may follow is looked up


class ChunkIds(dict):
    """The ids of chunks, which are the parts of a text between blanks. It fills itself.

    A blank always ends a word, and no special or added token contains one. So a chunk has the same
    ids in every text, and the ids of a text are those of its chunks. Long chunks are not kept, and
    when the cache is full it begins anew.

    Args:
        ids: dict from each token to its id.
        lowercase: whether the vocabulary is uncased.
        strip_accents: whether accents are dropped; None means the same as `lowercase`.
        added_tokens: list of `AddedToken`.

    >>> chunks = ChunkIds({"[UNK]": 0, "un": 1, "##able": 2, "!": 3}, lowercase=True)
    >>> chunks["Unable!"], chunks["unfit"]
    ([1, 2, 3], [0])
    """

    def __init__(self, ids, lowercase, strip_accents=None, added_tokens=()):
        super().__init__()
        self._how = lowercase, strip_accents
        exact = {token: ids[token] for token in SPECIAL_TOKENS if token in ids}
        exact |= {token.content: token.id for token in added_tokens if not token.normalized}
        self._exact, self._split_exact = exact, _splitter(exact)
        self._first = {token[0] for token in exact}
        normalized = {
            normalize(token.content, *self._how): token.id
            for token in added_tokens
            if token.normalized
        }
        self._normalized, self._split_normalized = normalized, _splitter(normalized)
        self._unknown = [ids["[UNK]"]]
        # Longer words are unknown, even those that are tokens.
        self._ids = {t: i for t, i in ids.items() if len(t.removeprefix("##")) <= LONGEST_WORD}
        # The length of the longest token with the same beginning, so that few lengths are tried.
        self._longest = {}
        for token in self._ids:
            begin = token[: _BEGIN + len("##")] if token.startswith("##") else token[:_BEGIN]
            self._longest[begin] = max(self._longest.get(begin, 0), len(token))

    def __missing__(self, chunk):
        found = []
        may_hold = not self._first.isdisjoint(chunk)
        for part in self._split_exact(chunk) if may_hold else (chunk,):
            if part in self._exact:
                found.append(self._exact[part])
            elif not self._normalized:
                self._add_words(split_words(part, *self._how), found)
            else:
                for piece in self._split_normalized(normalize(part, *self._how)):
                    if piece in self._normalized:
                        found.append(self._normalized[piece])
                    else:
                        self._add_words(split_normalized(piece), found)
        if len(chunk) <= _LONGEST_CACHED:
            if len(self) >= _CACHED_CHUNKS:
                self.clear()  # frequent chunks are back at once
            self[chunk] = found
        return found

    def _add_words(self, words, found):
        ids = self._ids
        for word in words:
            if word in ids:
                found.append(ids[word])
            else:
                found += self._pieces(word) if len(word) > 1 else self._unknown

    def unknown(self, chunk):
        """The words of a chunk that are unknown, in order."""
        parts = self._split_exact(chunk)
        parts = [part for part in parts if part not in self._exact]
        words = [word for part in parts for word in self._words(part)]
        return [word for word in words if word not in self._ids and self._is_unknown(word)]

    def _words(self, part):
        """The words of a part without special or added tokens."""
        if not self._normalized:
            return split_words(part, *self._how)
        pieces = self._split_normalized(normalize(part, *self._how))
        pieces = [piece for piece in pieces if piece not in self._normalized]
        return [word for piece in pieces for word in split_normalized(piece)]

    def _is_unknown(self, word):
        return len(word) == 1 or self._pieces(word) == self._unknown

    def _pieces(self, word):
        """The longest token that begins the word, then the longest that continues it, and so on."""
        if len(word) > LONGEST_WORD:
            return self._unknown
        found, start, prefix = [], 0, ""
        while start < len(word):
            longest = self._longest.get(prefix + word[start : start + _BEGIN], 0)
            most = max(longest - len(prefix), _BEGIN - 1)
            for end in range(min(len(word), start + most), start, -1):
                token_id = self._ids.get(prefix + word[start:end])
                if token_id is not None:
                    break
            else:
                return self._unknown
            found.append(token_id)
            start, prefix = end, "##"
        return found


def split_chunks(text):
    """The parts of a text between blanks."""
    for blank in "\t\n\r":
        text = text.replace(blank, " ")
    return text.split(" ")


def _splitter(tokens):
    """A function from a text to its parts: tokens, the first and longest, and what is between."""
    longest_first = sorted(tokens, key=len, reverse=True)
    return re.compile(f"({'|'.join(map(re.escape, longest_first))})").split
