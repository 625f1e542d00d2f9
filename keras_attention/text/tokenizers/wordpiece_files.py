"""WordPiece tokenizers as HuggingFace's files: vocab.txt and JSON files."""

import json
from pathlib import Path

from keras_attention._validation import InputError
from keras_attention.files import write_atomically
from keras_attention.json_file import read_json_object, shortened
from keras_attention.regular_file import read_regular
from keras_attention.text.corpora.decoded_lines import decode_lines
from keras_attention.text.tokenizers.wordpiece_settings import (
    CLASSES_WITHOUT_SEGMENTS,
    DESCRIBED_CLASSES,
    MODELS_WITHOUT_SEGMENTS,
    SPECIAL_NAMES,
    added_tokens_of,
    mention,
    post_processor,
    read_settings,
    require_plain_row,
    require_value,
)
from keras_attention.text.tokenizers.wordpiece_vocabulary import SPECIAL_TOKENS, AddedToken

VOCABULARY, SETTINGS, TOKENIZER = "vocab.txt", "tokenizer_config.json", "tokenizer.json"

LARGEST = 1 << 26  # bytes of a vocabulary, or of the settings beside it

# Older files, which are read where there are such, and config.json of the model.
SPECIAL_MAP, ADDED, MODEL = "special_tokens_map.json", "added_tokens.json", "config.json"

# What sentence-transformers adds: the first of these that exists.
SENTENCE_SETTINGS = tuple(
    f"sentence_{name}_config.json"
    for name in ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
)


def write_tokenizer(directory, vocabulary, lowercase, strip_accents=None, added_tokens=()):
    """Writes the three files, and makes the directory if it is missing.

    `vocabulary` is a list of strings, and `added_tokens` one of `AddedToken`.

    A write that is interrupted leaves the whole tokenizer, or a directory that does not load.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    # The settings are removed last and written first: no vocabulary is ever without its settings.
    for name in (VOCABULARY, TOKENIZER, SPECIAL_MAP, ADDED, SETTINGS):
        (directory / name).unlink(missing_ok=True)
    settings = {
        "tokenizer_class": "BertTokenizer",
        "do_lower_case": lowercase,
        "strip_accents": strip_accents,
        "tokenize_chinese_chars": True,
        **SPECIAL_NAMES,
    }
    tokenizer = _tokenizer_json(vocabulary, lowercase, strip_accents, added_tokens)
    if added_tokens:  # HuggingFace's tokenizer without tokenizer.json reads them here
        added = {str(token["id"]): dict(token) for token in tokenizer["added_tokens"]}
        for token in added.values():
            del token["id"]
        settings["added_tokens_decoder"] = added
        special = [token.content for token in added_tokens if token.special]
        settings["additional_special_tokens"] = special
    write_atomically(directory / SETTINGS, json.dumps(settings, indent=2).encode())
    write_atomically(directory / TOKENIZER, json.dumps(tokenizer, ensure_ascii=False).encode())
    write_atomically(directory / VOCABULARY, "".join(f"{t}\n" for t in vocabulary).encode())


def _tokenizer_json(vocabulary, lowercase, strip_accents, added_tokens):
    """The tokenizer in the format of the `tokenizers` package."""
    ids = {token: i for i, token in enumerate(vocabulary)}
    special = [AddedToken(token, ids[token], special=True) for token in SPECIAL_TOKENS]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": token.id,
                "content": token.content,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": token.normalized,
                "special": token.special,
            }
            for token in sorted([*special, *added_tokens], key=lambda token: token.id)
        ],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": strip_accents,
            "lowercase": lowercase,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": post_processor(ids),
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": ids,
        },
    }


def read_tokenizer(directory):
    """The tokenizer of a HuggingFace directory: vocab.txt, tokenizer.json, or both.

    Any other file may be missing. If two files give the same setting, the value in
    `tokenizer_config.json` counts. If two files give the vocabulary, they must agree. Where a file
    of sentence-transformers lowercases texts, the tokenizer does. Whatever else a file says about
    ids must be so here: see `wordpiece_settings`.

    Returns:
        Dictionary of `vocabulary`, `lowercase`, `strip_accents` and `added_tokens`.

    Raises:
        InputError: if a file is missing or cannot be read, or if it describes a tokenizer whose ids
            differ from BERT's.
    """
    directory = Path(directory)
    vocabulary, found = None, {}
    if (directory / TOKENIZER).exists():
        vocabulary, found = _read_tokenizer_json(directory / TOKENIZER)
    if (directory / VOCABULARY).exists():
        lines = _read_vocabulary(directory / VOCABULARY)
        if vocabulary not in (None, lines):
            raise InputError(
                f"{directory}: {VOCABULARY} and {TOKENIZER} hold different vocabularies "
                f"({len(lines):,} and {len(vocabulary):,} tokens)."
            )
        vocabulary = lines
    if vocabulary is None:
        raise InputError(
            f"{directory}: not a WordPiece tokenizer; expected {VOCABULARY} or {TOKENIZER}."
        )
    ids = {token: i for i, token in enumerate(vocabulary)}
    files = {
        name: _read_json(directory / name) if (directory / name).exists() else {}
        for name in (MODEL, SPECIAL_MAP, ADDED, SETTINGS)
    }
    kind = files[SETTINGS].get("tokenizer_class") or files[MODEL].get("tokenizer_class")
    read_settings(directory / MODEL, _only(files[MODEL], "tokenizer_class"))
    reads_segments = (
        kind not in CLASSES_WITHOUT_SEGMENTS
        and files[MODEL].get("model_type") not in MODELS_WITHOUT_SEGMENTS
    )
    older = [
        *read_settings(directory / SPECIAL_MAP, files[SPECIAL_MAP], reads_segments),
        *(mention(directory / ADDED, ADDED, *item) for item in files[ADDED].items()),
    ]
    settings = read_settings(directory / SETTINGS, files[SETTINGS], reads_segments)
    added = [*found.pop("added", ()), *settings]
    if "added_tokens_decoder" in files[SETTINGS]:  # then HuggingFace passes over the older files
        known = {*SPECIAL_TOKENS, *(token.content for token in added)}
        for token in older:
            if token.content not in known:
                raise InputError(
                    f"{token} adds the token {shortened(token.content)}, which the "
                    f"`added_tokens_decoder` of {SETTINGS} lacks."
                )
    own = _read_choices(
        directory / SETTINGS,
        files[SETTINGS],
        {"do_lower_case": "lowercase", "strip_accents": "strip_accents"},
    )
    if kind in DESCRIBED_CLASSES:
        if not (directory / TOKENIZER).exists():
            raise InputError(f"{directory}: a {kind} needs {TOKENIZER}, which is missing.")
        own = {}  # this class does not read them
        named = {**files[SPECIAL_MAP], **files[SETTINGS]}
        unnamed = {token for name, token in SPECIAL_NAMES.items() if name not in named}
        missing = sorted(unnamed - {token.content for token in added})
        if missing:
            raise InputError(
                f"{directory}: a {kind} must name {' '.join(SPECIAL_TOKENS)} as special tokens. "
                f"Missing: {' '.join(missing)}"
            )
    path, sentence = read_sentence_settings(directory)
    found = {"lowercase": True, "strip_accents": None, **found, **own}
    if _read_choices(path, sentence, {"do_lower_case": "lowercase"}).get("lowercase"):
        if found["strip_accents"] is None and not found["lowercase"]:
            found["strip_accents"] = False  # as it was before
        found["lowercase"] = True
    added_tokens = added_tokens_of([*added, *older], ids)
    return {"vocabulary": vocabulary, "added_tokens": added_tokens, **found}


def read_sentence_settings(directory):
    """The path and the content of a directory's file for sentence-transformers.

    The content is empty where there is none.
    """
    for name in SENTENCE_SETTINGS:
        if (Path(directory) / name).exists():
            return Path(directory) / name, _read_json(Path(directory) / name)
    return Path(directory) / SENTENCE_SETTINGS[0], {}


def _only(content, name):
    return {name: content[name]} if name in content else {}


def _read_vocabulary(path):
    """The tokens of a vocab.txt, one a line."""
    try:
        tokens = decode_lines(read_regular(path, LARGEST), path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error
    if not tokens:
        raise InputError(f"{path}: the file is empty; expected one token a line.")
    lines = {}
    for number, token in enumerate(tokens, start=1):
        if not token:
            raise InputError(f"{path}, line {number}: empty; expected one token a line.")
        if token in lines:
            raise InputError(
                f"{path}, line {number}: the token {token!r} stands on line {lines[token]} already."
            )
        lines[token] = number
    _require_special_tokens(lines, path)
    return tokens


def _require_special_tokens(tokens, path):
    missing = [token for token in SPECIAL_TOKENS if token not in tokens]
    if missing:
        raise InputError(
            f"{path}: the vocabulary lacks {' '.join(missing)}; BERT needs "
            f"{' '.join(SPECIAL_TOKENS)}."
        )


def _read_json(path):
    try:
        return read_json_object(path, LARGEST)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error


def _read_choices(path, content, names):
    """The boolean settings in `content`, under this package's names."""
    found = {}
    for name, here in names.items():
        if name in content:
            expected = (True, False) if here == "lowercase" else (None, True, False)
            require_value(path, name, content[name], expected)
            found[here] = content[name]
    return found


def _read_tokenizer_json(path):
    """The vocabulary and the settings of a tokenizer.json."""
    content = _read_json(path)
    parts = {name: content.get(name) for name in ("model", "normalizer", "pre_tokenizer")}
    if not all(isinstance(part, dict) for part in parts.values()):
        raise InputError(f"{path}: not a WordPiece tokenizer; expected {' '.join(parts)}.")
    model, normalizer = parts["model"], parts["normalizer"]
    for part, name, expected in (
        ("model", "type", ("WordPiece", None)),  # older files omit it
        ("model", "unk_token", ("[UNK]",)),
        ("model", "continuing_subword_prefix", ("##",)),
        ("model", "max_input_chars_per_word", (100,)),
        ("normalizer", "type", ("BertNormalizer",)),
        ("normalizer", "clean_text", (True,)),
        ("normalizer", "handle_chinese_chars", (True,)),
        ("pre_tokenizer", "type", ("BertPreTokenizer",)),
    ):
        require_value(path, f"{part}.{name}", parts[part].get(name), expected)
    ids = model.get("vocab")
    if (
        not isinstance(ids, dict)
        or not ids
        or not all(type(token_id) is int for token_id in ids.values())
        or sorted(ids.values()) != list(range(len(ids)))
    ):
        raise InputError(f"{path}: `model.vocab` must give tokens the ids 0, 1, 2 and so on.")
    if "" in ids:
        raise InputError(f"{path}: `model.vocab` holds an empty token.")
    _require_special_tokens(ids, path)
    added = content.get("added_tokens") or []
    if not isinstance(added, list) or not all(isinstance(token, dict) for token in added):
        raise InputError(f"{path}: `added_tokens` must be a list of objects.")
    tokens = [mention(path, "added_tokens", token, token.get("id")) for token in added]
    require_plain_row(path, content.get("post_processor"), ids)
    truncation = content.get("truncation")
    if isinstance(truncation, dict):
        require_value(path, "truncation.direction", truncation.get("direction"), ("Right", None))
    names = {"lowercase": "lowercase", "strip_accents": "strip_accents"}
    found = _read_choices(path, normalizer, names)
    return sorted(ids, key=ids.get), {**found, "added": tokens}
