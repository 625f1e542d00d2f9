"""WordPiece tokenizers as HuggingFace's files: vocab.txt and two JSON files."""

import json
from pathlib import Path

from keras_attention._validation import InputError
from keras_attention.files import write_atomically
from keras_attention.text.corpora.text_files import decode_lines
from keras_attention.text.tokenizers.wordpiece_vocabulary import SPECIAL_TOKENS

VOCABULARY, SETTINGS, TOKENIZER = "vocab.txt", "tokenizer_config.json", "tokenizer.json"

_SPECIAL_NAMES = dict(
    zip(
        ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"),
        SPECIAL_TOKENS,
        strict=True,
    )
)
# The values with which `WordPieceTokenizer` gives the right ids. A setting may be missing.
_FIXED_SETTINGS = {
    "do_basic_tokenize": (True,),
    "tokenize_chinese_chars": (True,),
    "never_split": (None, []),
}


def write_tokenizer(directory, vocabulary, lowercase, strip_accents=None):
    """Writes the three files, and makes the directory if it is missing.

    A write that is interrupted leaves the whole tokenizer, or a directory that does not load.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    # The settings are removed last and written first: no vocabulary is ever without its settings.
    for name in (VOCABULARY, TOKENIZER, SETTINGS):
        (directory / name).unlink(missing_ok=True)
    settings = {
        "tokenizer_class": "BertTokenizer",
        "do_lower_case": lowercase,
        "strip_accents": strip_accents,
        "tokenize_chinese_chars": True,
        **_SPECIAL_NAMES,
    }
    tokenizer = _tokenizer_json(vocabulary, lowercase, strip_accents)
    write_atomically(directory / SETTINGS, json.dumps(settings, indent=2).encode())
    write_atomically(directory / TOKENIZER, json.dumps(tokenizer, ensure_ascii=False).encode())
    write_atomically(directory / VOCABULARY, "".join(f"{t}\n" for t in vocabulary).encode())


def _tokenizer_json(vocabulary, lowercase, strip_accents):
    """The tokenizer in the format of the `tokenizers` package."""
    ids = {token: i for i, token in enumerate(vocabulary)}

    def special(token, segment):
        return {"SpecialToken": {"id": token, "type_id": segment}}

    def text(name, segment):
        return {"Sequence": {"id": name, "type_id": segment}}

    single = [special("[CLS]", 0), text("A", 0), special("[SEP]", 0)]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": ids[token],
                "content": token,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for token in sorted(SPECIAL_TOKENS, key=ids.get)
        ],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": strip_accents,
            "lowercase": lowercase,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": single,
            "pair": [*single, text("B", 1), special("[SEP]", 1)],
            "special_tokens": {
                token: {"id": token, "ids": [ids[token]], "tokens": [token]}
                for token in ("[CLS]", "[SEP]")
            },
        },
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

    `tokenizer_config.json` may be missing. If two files give the same setting, the value in
    `tokenizer_config.json` counts. If two files give the vocabulary, they must agree.

    Returns:
        Dictionary of `vocabulary`, `lowercase` and `strip_accents`.

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
    settings = {"lowercase": True, "strip_accents": None, **found}
    if (directory / SETTINGS).exists():
        settings.update(_read_settings(directory / SETTINGS))
    return {"vocabulary": vocabulary, **settings}


def _read_vocabulary(path):
    """The tokens of a vocab.txt, one a line."""
    try:
        tokens = decode_lines(path.read_bytes(), path)
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
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error}).") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a JSON object.")
    return content


def _require_setting(path, name, value, expected):
    if value not in expected:
        raise InputError(f"{path}: `{name}` must be {expected[0]!r} here. Received: {value!r}")


def _read_settings(path):
    """The values of `lowercase` and `strip_accents` in a tokenizer_config.json."""
    content = _read_json(path)
    for name, expected in _FIXED_SETTINGS.items():
        if name in content:
            _require_setting(path, name, content[name], expected)
    for name, expected in _SPECIAL_NAMES.items():
        value = content.get(name, expected)
        value = value.get("content") if isinstance(value, dict) else value  # with its options
        _require_setting(path, name, value, (expected,))
    names = {"do_lower_case": "lowercase", "strip_accents": "strip_accents"}
    return _read_choices(path, content, names)


def _read_choices(path, content, names):
    """The boolean settings in `content`, under this package's names."""
    found = {}
    for name, here in names.items():
        if name in content:
            expected = (True, False) if here == "lowercase" else (None, True, False)
            _require_setting(path, name, content[name], expected)
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
        _require_setting(path, f"{part}.{name}", parts[part].get(name), expected)
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
    added = [token.get("content") for token in added]
    others = [token for token in added if token not in SPECIAL_TOKENS]
    if others:
        raise InputError(f"{path}: added tokens are not supported. Received: {others!r}")
    names = {"lowercase": "lowercase", "strip_accents": "strip_accents"}
    return sorted(ids, key=ids.get), _read_choices(path, normalizer, names)
