"""Reads options of SentencePiece models, and writes such models for vocabularies of BPE."""

import struct

from keras_attention.text.tokenizers.sentencepiece_processor import (
    FOUR_BYTES,
    LENGTH,
    VARINT,
    fields,
    varint,
)

NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6  # types of pieces in sentencepiece_model.proto
BPE = 2  # of the options "model_type"
_TRAINER, _NORMALIZER = 2, 3  # fields of a model

# Options: the message, the field in it, and the default.
_OPTIONS = {
    "model_type": (_TRAINER, 3, 1),
    "treat_whitespace_as_suffix": (_TRAINER, 24, 0),
    "byte_fallback": (_TRAINER, 35, 0),
    "add_dummy_prefix": (_NORMALIZER, 3, 1),
    "remove_extra_whitespaces": (_NORMALIZER, 4, 1),
    "escape_whitespaces": (_NORMALIZER, 5, 1),
}
_CHARACTERS_MAP = 2  # of the normalizer: the rules by which it changes texts
_NO_RULES = (1024).to_bytes(4, "little") + bytes(1025)  # an empty trie, and an empty text


def options_of(model):
    """Options of a SentencePiece model that say how it reads texts, a dict of integers.

    Args:
        model: the model, as bytes.

    Raises:
        ValueError: if the bytes are no such model.
    """
    found = {name: default for name, (_, _, default) in _OPTIONS.items()}
    found["normalizes"] = 0
    for part, _, start, end in fields(model, 0, len(model)):
        if part not in (_TRAINER, _NORMALIZER):
            continue
        for field, kind, at, after in fields(model, start, end):
            if (part, field) == (_NORMALIZER, _CHARACTERS_MAP):
                found["normalizes"] = int(after > at)
            for name, (message_of, number_of, _) in _OPTIONS.items():
                if (part, field, kind) == (message_of, number_of, VARINT):
                    found[name] = varint(model, at)[0]
    return found


def without_prefix(model):
    """The same model, which puts no blank before a text."""
    return model + _message(_NORMALIZER, _number(_OPTIONS["add_dummy_prefix"][1], False))


def for_graph(model):
    """The same model for TensorFlow's operator, which puts no blank before a text.

    The operator writes a line to standard error for a model without a table of rules. One without
    rules changes as little, and says nothing.
    """
    return without_prefix(model) + _message(_NORMALIZER, _message(_CHARACTERS_MAP, _NO_RULES))


def sentencepiece_bpe(pieces, has_blanks=False):
    """A SentencePiece model of BPE, as bytes, which changes nothing in texts.

    Args:
        pieces: iterable of `(string, score, type)`; the first has id 0. One is UNKNOWN.
        has_blanks: whether the model is like Llama 2's: pieces write blanks as U+2581, a text gets
            one before it, and what is unknown is written with pieces of the type BYTE.

    Reference: sentencepiece_model.proto of https://github.com/google/sentencepiece
    """
    pieces = list(pieces)
    unknown = next(i for i, (_, _, kind) in enumerate(pieces) if kind == UNKNOWN)
    trainer = (
        _number(3, BPE)
        + _number(4, len(pieces))
        + _number(35, has_blanks)
        + _number(40, unknown)
        + _number(41, -1)  # no start, end or padding
        + _number(42, -1)
        + _number(43, -1)
    )
    normalizer = _message(1, b"identity") + _number(3, has_blanks) + _number(4, False)
    normalizer += _number(5, has_blanks)
    parts = [
        _message(1, _message(1, piece.encode()) + _float32(2, score) + _number(3, kind))
        for piece, score, kind in pieces
    ]
    return b"".join([*parts, _message(2, trainer), _message(3, normalizer)])


def _number(field, value):
    """A field with an integer or a truth value, as bytes."""
    return _stored(field << 3) + _stored(int(value))


def _float32(field, value):
    """A field with a number in single precision, as bytes."""
    return _stored(field << 3 | FOUR_BYTES) + struct.pack("<f", value)


def _message(field, data):
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
