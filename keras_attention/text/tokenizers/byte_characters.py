"""The printable characters by which byte-level vocabularies write bytes."""

import re

# Bytes that are printable characters of Latin-1 stand for themselves; the others for U+0100 and so
# on, in order. So a space is Ġ and a line feed Ċ.
_THEMSELVES = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
_OTHERS = sorted(set(range(256)) - set(_THEMSELVES))
_CODES = {**{byte: byte for byte in _THEMSELVES}, **{b: 256 + i for i, b in enumerate(_OTHERS)}}

# The character of each byte, a string of 256.
BYTE_CHARACTERS = "".join(chr(_CODES[byte]) for byte in range(256))

_TO_LATIN = {ord(character): byte for byte, character in enumerate(BYTE_CHARACTERS)}
_FROM_LATIN = dict(enumerate(BYTE_CHARACTERS))
_IS_WRITTEN = re.compile(f"[{re.escape(BYTE_CHARACTERS)}]*").fullmatch


def written(data):
    """Bytes as a string of these characters.

    >>> written(" né".encode())
    'ĠnÃ©'
    """
    return data.decode("latin-1").translate(_FROM_LATIN)


def read(token):
    """The bytes that a token stands for; those of its own name if it has other characters.

    >>> read("ĠnÃ©").decode()
    ' né'
    """
    if _IS_WRITTEN(token):
        return token.translate(_TO_LATIN).encode("latin-1")
    return token.encode("utf-8", "replace")
