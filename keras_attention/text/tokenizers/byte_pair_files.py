"""Byte-level BPE as HuggingFace's files: tokenizer.json, or vocab.json and merges.txt."""

import dataclasses
from pathlib import Path

from keras_attention._validation import InputError
from keras_attention.json_file import shortened
from keras_attention.text.corpora.text_files import read_lines
from keras_attention.text.tokenizers import pre_tokenizers
from keras_attention.text.tokenizers.byte_characters import BYTE_CHARACTERS
from keras_attention.text.tokenizers.special_tokens import END_OF_TEXT
from keras_attention.text.tokenizers.tokenizer_files import (
    ADDED,
    SETTINGS,
    TOKENIZER,
    read_added_tokens,
    read_json,
    read_merges,
    read_special_ids,
    read_template,
    read_vocabulary,
    require_value,
    tokens_by_id,
)
from keras_attention.text.tokenizers.write_tokenizer import tokenizer_json

VOCABULARY, MERGES = "vocab.json", "merges.txt"

# Classes whose vocab.json and merges.txt say all: they split texts as GPT-2 does.
_GPT2_CLASSES = ("GPT2Tokenizer", "GPT2TokenizerFast", "CodeGenTokenizer", "CodeGenTokenizerFast")


def byte_level_json(tokenizer, vocabulary, merges, pre_tokenizer, ignore_merges=False):
    """tokenizer.json of a byte-level tokenizer, a dict.

    Args:
        tokenizer: a `LanguageModelTokenizer`.
        vocabulary: dict of ids by tokens.
        merges: list of pairs of tokens.
        pre_tokenizer: a key of `PRE_TOKENIZERS`.
        ignore_merges: whether a word that is a token needs no merges.
    """
    return tokenizer_json(
        tokenizer,
        {
            "ignore_merges": ignore_merges,
            "vocab": vocabulary,
            "merges": [f"{left} {right}" for left, right in merges],
        },
        pre_tokenizers.PRE_TOKENIZERS[pre_tokenizer].described,
        pre_tokenizers.BYTE_LEVEL,
    )


def read_byte_pairs(directory):
    """The arguments of the `BytePairTokenizer` in a HuggingFace directory, a dict.

    Raises:
        InputError: if a file is missing or cannot be read, or describes a tokenizer whose ids these
            arguments would not give.
    """
    directory = Path(directory)
    described, settings = read_json(directory, TOKENIZER), read_json(directory, SETTINGS)
    require_value(
        directory / SETTINGS, "add_eos_token", settings.get("add_eos_token"), (None, False)
    )
    if described:
        found = _read_described(directory / TOKENIZER, described)
    else:
        found = _read_two_files(directory, settings)
    ids = _all_ids(found["vocabulary"], found["added_tokens"])
    defaults = {"bos_token": END_OF_TEXT, "eos_token": END_OF_TEXT}
    special_ids = read_special_ids(directory, ids, defaults)
    # Every text can be spelled. A padding that is an end too, as many directories have it, is not
    # told from that end.
    padding = None if special_ids.padding in special_ids.ends else special_ids.padding
    special_ids = dataclasses.replace(special_ids, unknown=None, padding=padding)
    start = found.pop("start")
    if start is not None:
        special_ids = dataclasses.replace(special_ids, start=start)
    return {
        **found,
        "special_ids": special_ids,
        "adds_start": start is not None,
        "chat_template": read_template(directory, settings),
    }


def _read_described(path, described):
    """What a tokenizer.json says of ids."""
    model = described.get("model")
    if not isinstance(model, dict):
        raise InputError(f"{path}: `model` is missing.")
    require_value(path, "normalizer", described.get("normalizer"), (None,))
    pre_tokenizer = pre_tokenizers.named(described.get("pre_tokenizer"))
    if pre_tokenizer is None:
        raise InputError(
            f"{path}: `pre_tokenizer` must split texts as one of "
            f"{', '.join(pre_tokenizers.PUBLISHED)} does; no other is known. Received: "
            f"{shortened(described.get('pre_tokenizer'))}"
        )
    decoder = described.get("decoder")
    decoder = decoder.get("type") if isinstance(decoder, dict) else decoder
    require_value(path, "decoder.type", decoder, ("ByteLevel",))
    for name, expected in (
        ("type", ("BPE", None)),  # older files omit it
        ("dropout", (None,)),
        ("continuing_subword_prefix", (None, "")),
        ("end_of_word_suffix", (None, "")),
        ("byte_fallback", (None, False)),
        ("ignore_merges", (None, False, True)),
    ):
        require_value(path, f"model.{name}", model.get(name), expected)
    vocabulary = read_vocabulary(path, "model.vocab", model.get("vocab"))
    if not all(character in vocabulary for character in BYTE_CHARACTERS):
        # Without a token for the unknown, bytes that are no tokens are dropped.
        require_value(path, "model.unk_token", model.get("unk_token"), (None,))
    added = read_added_tokens(path, "added_tokens", described.get("added_tokens") or [])
    _require_agreement(path, vocabulary, added)
    return {
        "vocabulary": vocabulary,
        "merges": read_merges(path, model.get("merges"), vocabulary),
        "added_tokens": added,
        "pre_tokenizer": pre_tokenizer,
        "ignore_merges": bool(model.get("ignore_merges")),
        "start": start_token(path, described.get("post_processor"), _all_ids(vocabulary, added)),
    }


def _require_agreement(path, vocabulary, added):
    by_id = {token_id: token for token, token_id in vocabulary.items()}
    for token in added:
        known = vocabulary.get(token.content, token.id)
        if known != token.id or by_id.get(token.id, token.content) != token.content:
            raise InputError(
                f"{path}: `added_tokens` gives {shortened(token.content)} the id {token.id}, which "
                "the vocabulary gives otherwise."
            )
    count = len(vocabulary.keys() | {token.content for token in added})
    used = set(vocabulary.values()) | {token.id for token in added}
    if used != set(range(count)):
        raise InputError(
            f"{path}: the vocabulary and the added tokens must have the ids from 0 to {count - 1}, "
            f"each once. The first that is missing is {min(set(range(count)) - used)}."
        )


def _all_ids(vocabulary, added):
    return {**vocabulary, **{token.content: token.id for token in added}}


def start_token(path, processor, ids):
    """The id that a tokenizer.json puts before a text, or None.

    Args:
        path: of the file, for messages.
        processor: its "post_processor".
        ids: dict of ids by tokens.

    Raises:
        InputError: if something else stands around a text.
    """
    processor = processor if isinstance(processor, dict) else {"type": processor}
    if processor.get("type") == "Sequence" and isinstance(processor.get("processors"), list):
        starts = [start_token(path, one, ids) for one in processor["processors"]]
        found = [start for start in starts if start is not None]
        if len(found) > 1:
            raise InputError(f"{path}: `post_processor` puts more than one token before a text.")
        return found[0] if found else None
    kind = processor.get("type")
    require_value(path, "post_processor.type", kind, (None, "ByteLevel", "TemplateProcessing"))
    if kind != "TemplateProcessing":
        return None
    single = processor.get("single")
    names = [_name(part) for part in single] if isinstance(single, list) else []
    if names == [("Sequence", "A")]:
        return None
    if len(names) == 2 and names[0][0] == "SpecialToken" and names[1] == ("Sequence", "A"):
        if isinstance(names[0][1], str) and names[0][1] in ids:
            return ids[names[0][1]]
    raise InputError(
        f"{path}: `post_processor.single` must be a text alone, or one token of the vocabulary and "
        f"a text. Received: {shortened(single)}"
    )


def _name(part):
    """`("SpecialToken", its name)` or `("Sequence", its name)` of a part of a template."""
    if isinstance(part, dict) and len(part) == 1:
        ((kind, value),) = part.items()
        if isinstance(value, dict):
            return kind, value.get("id")
    return None, None


def _read_two_files(directory, settings):
    """What vocab.json and merges.txt say, as GPT-2 has them."""
    for name in (VOCABULARY, MERGES):
        if not (directory / name).exists():
            raise InputError(
                f"{directory}: not a byte-level BPE tokenizer; expected {TOKENIZER}, or "
                f"{VOCABULARY} and {MERGES}."
            )
    path = directory / SETTINGS
    if settings.get("tokenizer_class") is not None:
        require_value(path, "tokenizer_class", settings["tokenizer_class"], _GPT2_CLASSES)
    require_value(path, "add_prefix_space", settings.get("add_prefix_space"), (None, False))
    path = directory / VOCABULARY
    vocabulary = read_vocabulary(path, "vocab", read_json(directory, VOCABULARY))
    lines = read_lines(directory / MERGES, expected="two tokens a line")
    if lines[0].startswith("#version"):
        lines = lines[1:]
    merges = read_merges(directory / MERGES, [line for line in lines if line], vocabulary)
    added = _added_of_two_files(directory, settings, vocabulary)
    _require_agreement(path, vocabulary, added)
    found = {"vocabulary": vocabulary, "merges": merges, "added_tokens": added}
    start = None
    if settings.get("add_bos_token") is True:
        ids = _all_ids(vocabulary, added)
        start = read_special_ids(directory, ids, {"bos_token": END_OF_TEXT}).start
    return {**found, "pre_tokenizer": "gpt2", "ignore_merges": False, "start": start}


def _added_of_two_files(directory, settings, vocabulary):
    decoder = settings.get("added_tokens_decoder")
    if decoder is not None:
        path = directory / SETTINGS
        tokens = tokens_by_id(path, decoder)
        return read_added_tokens(path, "added_tokens_decoder", tokens)
    tokens = [
        {"content": token, "id": token_id, "special": False, "normalized": True}
        for token, token_id in read_json(directory, ADDED).items()
    ]
    if END_OF_TEXT in vocabulary:
        tokens.append({"content": END_OF_TEXT, "id": vocabulary[END_OF_TEXT], "special": True})
    return read_added_tokens(directory / ADDED, "the tokens", tokens)
