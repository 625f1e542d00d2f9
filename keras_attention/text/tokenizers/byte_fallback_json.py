"""A SentencePiece model of Llama 2's kind from a tokenizer.json, and such a file of a model."""

import re

from keras_attention._validation import InputError
from keras_attention.json_file import shortened
from keras_attention.text.tokenizers.sentencepiece_model import (
    BYTE,
    CONTROL,
    NORMAL,
    UNKNOWN,
    sentencepiece_bpe,
)
from keras_attention.text.tokenizers.tokenizer_files import (
    read_merges,
    read_vocabulary,
    require_value,
)
from keras_attention.text.tokenizers.word_ids import merge
from keras_attention.text.tokenizers.write_tokenizer import tokenizer_json

BLANK = "\u2581"
_IS_BYTE = re.compile("<0x[0-9A-F]{2}>").fullmatch

# How a blank is put before a text, and blanks are written: by the normalizer, or before words are
# split, which they are not.
_REPLACE = {"type": "Replace", "pattern": {"String": " "}, "content": BLANK}
_NORMALIZER = {
    "type": "Sequence",
    "normalizers": [{"type": "Prepend", "prepend": BLANK}, _REPLACE],
}
_METASPACE = {"type": "Metaspace", "replacement": BLANK, "split": False}


def model_of(path, described):
    """A SentencePiece model with the ids of a tokenizer.json, as bytes.

    SentencePiece merges any two pieces that are a piece together: see `byte_pair_graph` for why
    both give the same ids.

    Args:
        path: of the file, for messages.
        described: its content, a dict.

    Raises:
        InputError: if it describes another tokenizer.
    """
    model = described.get("model")
    for name, expected in (
        ("type", ("BPE", None)),
        ("dropout", (None,)),
        ("continuing_subword_prefix", (None, "")),
        ("end_of_word_suffix", (None, "")),
        ("byte_fallback", (True,)),
        ("ignore_merges", (None, False)),
    ):
        require_value(path, f"model.{name}", model.get(name), expected)
    _require_blanks(path, described)
    ids = read_vocabulary(path, "model.vocab", model.get("vocab"))
    if sorted(ids.values()) != list(range(len(ids))):
        raise InputError(f"{path}: `model.vocab` must give tokens the ids 0, 1, 2 and so on.")
    unknown = model.get("unk_token")
    unknown = unknown if isinstance(unknown, str) else None
    missing = sum(f"<0x{byte:02X}>" not in ids for byte in range(256))
    if missing or unknown not in ids:
        raise InputError(
            f"{path}: `model.vocab` must hold 256 bytes, such as <0x0A>, and `model.unk_token`."
        )
    merges = {
        (ids[left], ids[right]): (rank, ids[left + right])
        for rank, (left, right) in enumerate(read_merges(path, model.get("merges"), ids))
    }
    pieces = []
    for piece in sorted(ids, key=ids.get):
        score, kind = 0.0, CONTROL
        if piece == unknown:
            kind = UNKNOWN
        elif _IS_BYTE(piece):
            kind = BYTE
        elif all(character in ids for character in piece):
            found, rank = merge([ids[character] for character in piece], merges)
            if found == [ids[piece]]:  # any other is never reached
                kind, score = NORMAL, -float(rank or 0)
        pieces.append((piece, score, kind))
    return sentencepiece_bpe(pieces, has_blanks=True)


def _require_blanks(path, described):
    normalizer, pre_tokenizer = described.get("normalizer"), described.get("pre_tokenizer")
    if normalizer == _NORMALIZER and pre_tokenizer is None:
        return
    if normalizer is None and isinstance(pre_tokenizer, dict):
        schemes = ("first", "always")
        known = {**_METASPACE, "prepend_scheme": pre_tokenizer.get("prepend_scheme")}
        if pre_tokenizer == known and known["prepend_scheme"] in schemes:
            return
    raise InputError(
        f"{path}: `normalizer` and `pre_tokenizer` must put a blank before a text and write blanks "
        f"as {BLANK}, as Llama 2's do. Received: {shortened(normalizer)} and "
        f"{shortened(pre_tokenizer)}"
    )


def json_of(tokenizer, processor):
    """The tokenizer.json with the same ids as a SentencePiece model, a dict.

    Args:
        tokenizer: a `ByteFallbackTokenizer`.
        processor: its model, a `sentencepiece.SentencePieceProcessor`.

    Returns:
        None where no tokenizer.json has these ids.
    """
    count = processor.vocab_size()
    ids = {processor.id_to_piece(token_id): token_id for token_id in range(count)}
    special = (processor.is_control, processor.is_unknown, processor.is_byte)
    normal = [p for p, i in ids.items() if not any(check(i) for check in special)]
    scores = {piece: processor.get_score(ids[piece]) for piece in normal}
    merged = [piece for piece in normal if len(piece) > 1]
    are_ranks = len({scores[piece] for piece in merged}) == len(merged)
    rule = (tokenizer.prefix, tokenizer.prefixes_all, tokenizer.prefixes_blanks)
    if not are_ranks or rule in ((" ", False, True), ("", False, False), ("", True, False)):
        return None
    # SentencePiece merges any two pieces that are a piece together, that of the best score first.
    merges = [
        f"{piece[:place]} {piece[place:]}"
        for piece in sorted(merged, key=lambda piece: -scores[piece])
        for place in range(1, len(piece))
        if piece[:place] in scores and piece[place:] in scores
    ]
    unknown = processor.id_to_piece(processor.unk_id())
    options = {"byte_fallback": True, "fuse_unk": True, "unk_token": unknown}
    model = {**options, "vocab": ids, "merges": merges}
    metaspace = None
    if tokenizer.prefix and not tokenizer.prefixes_blanks:
        scheme = "always" if tokenizer.prefixes_all else "first"
        metaspace = {**_METASPACE, "prepend_scheme": scheme}
    decoders = [
        {"type": "Replace", "pattern": {"String": BLANK}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
    ]
    if tokenizer.prefix:
        decoders.append({"type": "Strip", "content": " ", "start": 1, "stop": 0})
    content = tokenizer_json(
        tokenizer, model, metaspace, {"type": "Sequence", "decoders": decoders}
    )
    if metaspace is None:
        content["normalizer"] = _NORMALIZER if tokenizer.prefix else _REPLACE
    return content
