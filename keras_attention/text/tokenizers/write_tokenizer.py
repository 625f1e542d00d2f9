"""Writes a language model's tokenizer as HuggingFace's files."""

import json
from pathlib import Path

from keras_attention.files import write_atomically, writing
from keras_attention.text.tokenizers.tokenizer_files import (
    ADDED,
    KIND,
    SETTINGS,
    SPECIAL_MAP,
    SPECIAL_NAMES,
    TEMPLATE,
    TOKENIZER,
)


def write_files(directory, tokenizer, described, others=(), settings=None):
    """Writes tokenizer.json and tokenizer_config.json, and makes the directory if it is missing.

    A write that is interrupted leaves a whole tokenizer, or a directory that does not load.

    Args:
        directory: path.
        tokenizer: a `LanguageModelTokenizer`.
        described: content of tokenizer.json; None for no such file.
        others: pairs of a name and bytes, further files.
        settings: dict of further settings for tokenizer_config.json.
    """
    directory = Path(directory)
    with writing(directory):
        directory.mkdir(parents=True, exist_ok=True)
        stale = ("vocab.json", "merges.txt", "tokenizer.model", SPECIAL_MAP, ADDED, TEMPLATE)
        for name in (SETTINGS, TOKENIZER, *stale):
            (directory / name).unlink(missing_ok=True)
    for name, data in others:
        write_atomically(directory / name, data)
    if described is not None:
        text = json.dumps(described, ensure_ascii=False)
        write_atomically(directory / TOKENIZER, text.encode())
    settings = {**_settings(tokenizer), **(settings or {})}
    settings = json.dumps(settings, indent=2, ensure_ascii=False)
    write_atomically(directory / SETTINGS, settings.encode())  # last: it says what the rest is


def _settings(tokenizer):
    special, names = tokenizer.special_ids, {}
    for name, here in SPECIAL_NAMES.items():
        token_id = special.ends[0] if here == "end" and special.ends else getattr(special, here)
        if isinstance(token_id, int):
            names[name] = tokenizer.token_bytes(token_id).decode("utf-8", "replace")
    settings = {
        "tokenizer_class": tokenizer.published_class,
        KIND: tokenizer.kind,
        **names,
        "add_bos_token": tokenizer.adds_start,
        "add_eos_token": False,
        "clean_up_tokenization_spaces": False,
        "added_tokens_decoder": {
            str(token["id"]): {key: value for key, value in token.items() if key != "id"}
            for token in added_tokens_json(tokenizer)
        },
    }
    if tokenizer.chat_template is not None:
        settings["chat_template"] = tokenizer.chat_template
    return settings


def added_tokens_json(tokenizer):
    """ "added_tokens" of a tokenizer.json."""
    return [
        {
            "id": token.id,
            "content": token.content,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": token.normalized,
            "special": token.special,
        }
        for token in tokenizer.added_tokens
    ]


def tokenizer_json(tokenizer, model, pre_tokenizer, decoder):
    """tokenizer.json of a tokenizer, a dict.

    Args:
        tokenizer: a `LanguageModelTokenizer`.
        model: dict of the options of a BPE model that are not those of every one.
        pre_tokenizer, decoder: JSON values.
    """
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added_tokens_json(tokenizer),
        "normalizer": None,
        "pre_tokenizer": pre_tokenizer,
        "post_processor": _post_processor(tokenizer),
        "decoder": decoder,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            **model,
        },
    }


def _post_processor(tokenizer):
    if not tokenizer.adds_start:
        return None
    start = tokenizer.special_ids.start
    name = tokenizer.token_bytes(start).decode()
    first = {"SpecialToken": {"id": name, "type_id": 0}}
    text, pair = ({"Sequence": {"id": one, "type_id": i}} for i, one in enumerate("AB"))
    return {
        "type": "TemplateProcessing",
        "single": [first, text],
        "pair": [first, text, {"SpecialToken": {"id": name, "type_id": 1}}, pair],
        "special_tokens": {name: {"id": name, "ids": [start], "tokens": [name]}},
    }
