"""Text to words as BERT does it, character by character, in plain Python.

The graph (`word_splitter`) makes its tables with these functions. The reference is the
`tokenizers` package (`BertNormalizer` and `BertPreTokenizer`). It uses the character categories of
Unicode 8 and treats younger characters as letters. Every character of Unicode 14 gives the same
result here as there, with two exceptions:

- Capitals that this Python's Unicode does not know are not lowercased.
- Combining marks that stay in a word keep their order. The reference sorts U+1D16D U+1D165, and a
  few others.

Both change ids only if the vocabulary contains these characters.
"""

import functools
import unicodedata
from bisect import bisect

# Ranges without punctuation, combining and format characters in Unicode 8. Later versions may have
# some there.
_YOUNGER = (
    "61d-61d 7fa-815 85f-8e2 9e4-a00 a76-a80 af1-b00 b4e-b55 c01-c3d c64-c80 c82-cbb ce4-d00 "
    "d02-d40 d64-dc9 eba-eba 180f-18a8 1abe-1aff 1b74-1b7f 1df6-1dfb 2e43-3000 a827-a873 a8c5-a8cd "
    "a8fd-a925 a9bd-a9c0 10b9d-11000 1104e-1107e 110c2-110ff 111ce-111da 1123e-112a8 11302-1133b "
    "11375-114b2 11644-116aa 116b8-1171c 1173f-1246f 12475-16a6d 16b45-16f8e 16f93-1bc9c "
    "1bca4-1d166 1dab0-1e8cf 1e8d7-e0000"
)
_BOUNDS = [
    bound
    for first, last in (limits.split("-") for limits in _YOUNGER.split())
    for bound in (int(first, 16), int(last, 16) + 1)
]
_CHANGED = {"\u166d": "Po", "\u1734": "Mn", "\U000111c9": "Po"}  # categories that Unicode moved
_UNDECOMPOSED = "\U00011938"  # the only decomposition that the reference is too old to know

# CJK ideographs, each of which is a word. These are the blocks that BERT counts.
IDEOGRAPHS = (
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B920, 0x2CEAF),  # from 2B820 in the original BERT, but not in the reference
    (0x2F800, 0x2FA1F),
)
_ASCII_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")


def _category(character):
    if character in _CHANGED:
        return _CHANGED[character]
    category = unicodedata.category(character)
    is_younger = bisect(_BOUNDS, ord(character)) % 2 == 1
    return "Lo" if is_younger and category[0] in "PMC" and category != "Co" else category


def stands_alone(character):
    """Whether a character is a word of its own: punctuation and CJK ideographs."""
    code = ord(character)
    return (
        character in _ASCII_PUNCTUATION
        or (code > 127 and _category(character)[0] == "P")
        or (code > 0x33FF and any(first <= code <= last for first, last in IDEOGRAPHS))
    )


def rewrite(character, lowercase, strip_accents=None):
    """The text that replaces a character. Blanks around a character make it a word.

    Args:
        character: string of length 1.
        lowercase: whether the vocabulary is uncased.
        strip_accents: whether accents are dropped; None means the same as `lowercase`.

    >>> rewrite("É", lowercase=True), rewrite("É", lowercase=False), rewrite("!", lowercase=True)
    ('e', 'É', ' ! ')
    >>> rewrite("\\u00a0", lowercase=True), rewrite("\\x00", lowercase=True)
    (' ', '')
    """
    category = _category(character)
    if character in "\t\n\r" or category[0] == "Z":
        return " "
    if category in ("Cc", "Cf", "Co", "Cs") or character == "\ufffd":
        return ""
    text = character
    if lowercase if strip_accents is None else strip_accents:
        if character != _UNDECOMPOSED:
            text = unicodedata.normalize("NFD", character)
        text = "".join(part for part in text if _category(part) != "Mn")
    if lowercase:
        text = "".join(part.lower() for part in text)  # one by one: no final sigma
    return "".join(f" {part} " if stands_alone(part) else part for part in text)


class _Table(dict):
    """A table for `str.translate` that computes entries when they are first used."""

    def __init__(self, change):
        super().__init__()
        self._change = change

    def __missing__(self, code):
        self[code] = self._change(chr(code))
        return self[code]


@functools.cache
def _rewriting(lowercase, strip_accents):
    return _Table(lambda character: rewrite(character, lowercase, strip_accents))


@functools.cache
def _normalizing(lowercase, strip_accents):
    def change(character):
        text = rewrite(character, lowercase, strip_accents)
        return text if text == " " else text.replace(" ", "")

    return _Table(change)


_SETTING_APART = _Table(
    lambda character: f" {character} " if stands_alone(character) else character
)


def split_words(text, lowercase, strip_accents=None):
    """The words of a text, in which BERT looks for tokens. Special tokens count as text here.

    >>> split_words("Naïve, isn't it?", lowercase=True)
    ['naive', ',', 'isn', "'", 't', 'it', '?']
    """
    return text.translate(_rewriting(bool(lowercase), strip_accents)).split()


def normalize(text, lowercase, strip_accents=None):
    """The text in which BERT looks for normalized tokens: `split_normalized` gives its words.

    >>> normalize("Naïve, isn't it?", lowercase=True)
    "naive, isn't it?"
    """
    return text.translate(_normalizing(bool(lowercase), strip_accents))


def split_normalized(text):
    """`split_words` of a text that `normalize` gave."""
    return text.translate(_SETTING_APART).split()
