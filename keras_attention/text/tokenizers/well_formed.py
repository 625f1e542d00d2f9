"""Texts that UTF-8 can hold."""

import re

_HALF = re.compile("[\ud800-\udfff]")


def well_formed(text):
    """The text, with U+FFFD in the place of every half of a surrogate pair.

    Python's strings, and JSON, may hold such a half; UTF-8 may not. Every tokenizer and every
    runtime gets texts that went through here, so that all of them read the same text.

    >>> well_formed("a\\ud83d b")
    'a\ufffd b'
    """
    return text if text.isascii() else _HALF.sub("\ufffd", text)
