"""Texts of others as a picture can show them."""

import unicodedata

# Control characters, halves of surrogate pairs, ends of lines and of paragraphs.
_NOT_DRAWN = ("Cc", "Cs", "Zl", "Zp")
# Marks that change the direction of what follows them, beyond the label too.
_DIRECTIONS = {chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}


def drawn_labels(texts):
    """The texts, with escapes for what no picture can show: a line break, ESC, NUL.

    Joiners stay: Persian and Hindi words, and emoji, are written with them.

    Args:
        texts: list of strings: words, names of classes or of models.

    >>> drawn_labels(["one\\ntwo", "naïve"])
    ['one\\\\ntwo', 'naïve']
    """
    return ["".join(map(_drawn, str(text))) for text in texts]


def _drawn(character):
    if unicodedata.category(character) in _NOT_DRAWN or character in _DIRECTIONS:
        return character.encode("unicode_escape").decode()
    return character
