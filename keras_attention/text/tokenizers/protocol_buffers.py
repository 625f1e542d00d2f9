"""Reads and writes the fields of protocol buffers, without their package.

Reference: https://protobuf.dev/programming-guides/encoding/
"""

import struct

from keras_attention._validation import require

VARINT, EIGHT_BYTES, LENGTH, FOUR_BYTES = 0, 1, 2, 5  # how a field is stored


def fields(data, position, end):
    """`(number, kind, start, end)` of each field of a message, without reading its value."""
    while position < end:
        key, position = varint(data, position)
        number, kind = key >> 3, key & 7
        if kind == LENGTH:
            length, position = varint(data, position)
        elif kind == VARINT:
            length = varint(data, position)[1] - position
        else:
            length = {FOUR_BYTES: 4, EIGHT_BYTES: 8}.get(kind, end)
        require(position + length <= end, "model", "a whole SentencePiece model", position=position)
        yield number, kind, position, position + length
        position += length


def varint(data, position):
    """The integer at a position, in seven bits a byte, and the position after it."""
    value = shift = 0
    while True:
        require(position < len(data), "model", "a whole SentencePiece model", position=position)
        byte = data[position]
        value |= (byte & 127) << shift
        position, shift = position + 1, shift + 7
        if byte < 128:
            return value, position


def number(field, value):
    """A field with an integer or a truth value, as bytes."""
    return _stored(field << 3) + _stored(int(value))


def float32(field, value):
    """A field with a number in single precision, as bytes."""
    return _stored(field << 3 | FOUR_BYTES) + struct.pack("<f", value)


def message(field, data):
    """A field with bytes, a text in UTF-8 or another message, as bytes."""
    return _stored(field << 3 | LENGTH) + _stored(len(data)) + data


def _stored(value):
    """An integer in seven bits a byte."""
    data = bytearray()
    value &= (1 << 64) - 1  # negative numbers have ten bytes
    while value > 127:
        data.append(value & 127 | 128)
        value >>= 7
    return bytes([*data, value])
