"""HuggingFace's files of a language model's tokenizer, read without trust."""

from pathlib import Path

from keras_attention._validation import InputError
from keras_attention.json_file import has_half_a_pair, read_json_object, shortened, shortened_json
from keras_attention.regular_file import read_regular
from keras_attention.text.tokenizers.special_tokens import require_findable
from keras_attention.text.tokenizers.wordpiece_vocabulary import AddedToken
from keras_attention.token_ids import SpecialIds

TOKENIZER, SETTINGS = "tokenizer.json", "tokenizer_config.json"
SPECIAL_MAP, ADDED, MODEL = "special_tokens_map.json", "added_tokens.json", "config.json"
TEMPLATE = "chat_template.jinja"
KIND = "kind"  # of the table of tokenizers; our own setting in tokenizer_config.json

LARGEST = 1 << 26  # bytes of a tokenizer.json; that of Llama 3 has 17 MB
_LONGEST_TEMPLATE = 1 << 20  # bytes

# Settings that name a special token, and what `SpecialIds` calls it.
SPECIAL_NAMES = {
    "pad_token": "padding",
    "unk_token": "unknown",
    "bos_token": "start",
    "eos_token": "end",
}


def read_json(directory, name):
    """The JSON object in a file of a directory; an empty one where there is no such file.

    Raises:
        InputError: if the file cannot be read or holds something else.
    """
    path = Path(directory) / name
    if not path.exists():
        return {}
    try:
        return read_json_object(path, LARGEST)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error


def require_value(path, name, value, expected):
    """Raises `InputError` unless a setting of a file has one of the expected JSON values."""
    if not any(value == each and type(value) is type(each) for each in expected):
        options = " or ".join(shortened_json(each) for each in expected)
        raise InputError(
            f"{path}: `{name}` must be {options}: this tokenizer gives no other ids. Received: "
            f"{shortened(value)}"
        )


def read_vocabulary(path, name, ids):
    """The vocabulary of a file: a dict of ids by tokens, whose ids may have gaps.

    Args:
        path: of the file, for messages.
        name: of the setting.
        ids: what should be a JSON object of ids by tokens.

    Raises:
        InputError: if it is something else, or two tokens have one id.
    """
    if not isinstance(ids, dict) or not ids:
        raise InputError(f"{path}: `{name}` must be an object of ids by their tokens.")
    for token, token_id in ids.items():
        is_id = type(token_id) is int and 0 <= token_id < (1 << 24)
        if not token or not is_id or has_half_a_pair(token):
            raise InputError(
                f"{path}: `{name}` must give tokens ids from 0 on. Received: {shortened(token)}: "
                f"{shortened(token_id)}"
            )
    if len(set(ids.values())) < len(ids):
        raise InputError(f"{path}: `{name}` gives two tokens the same id.")
    return ids


def read_merges(path, merges, vocabulary):
    """The merges of a file as a list of pairs of tokens.

    Args:
        path: of the file, for messages.
        merges: what should be a list, of lists of two tokens or of strings with a blank between.
        vocabulary: dict of ids by tokens.

    Raises:
        InputError: if it is something else, or a token is none of the vocabulary.
    """
    if not isinstance(merges, list):
        raise InputError(f"{path}: the merges must be a list.")
    found = []
    for merge in merges:
        pair = merge.split(" ") if isinstance(merge, str) else merge
        if (
            not isinstance(pair, list)
            or len(pair) != 2
            or not all(isinstance(part, str) and part in vocabulary for part in pair)
            or "".join(pair) not in vocabulary
        ):
            raise InputError(
                f"{path}: the merges must be pairs of tokens of the vocabulary which together are "
                f"one too. Received: {shortened(merge)}"
            )
        found.append(tuple(pair))
    return found


def read_added_tokens(path, name, tokens):
    """The `AddedToken`s of a file.

    Args:
        path: of the file, for messages.
        name: of the setting.
        tokens: what should be a list of objects with "content" and "id".

    Raises:
        InputError: if it is something else, or a token is found otherwise than by its content.
    """
    if not isinstance(tokens, list):
        raise InputError(f"{path}: `{name}` must be a list of objects.")
    found = []
    for token in tokens:
        content = token.get("content") if isinstance(token, dict) else None
        if not isinstance(content, str) or not content or type(token.get("id")) is not int:
            raise InputError(
                f'{path}: `{name}` must hold objects with a "content" and an "id". Received: '
                f"{shortened(token)}"
            )
        for option in ("single_word", "lstrip", "rstrip"):
            require_value(
                path, f"{name}: {option} of {content}", token.get(option, False), (False,)
            )
        special = token.get("special", False) is True
        normalized = token.get("normalized", not special) is True
        found.append(AddedToken(content, token["id"], normalized, special))
    try:
        require_findable(found)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    return found


def tokens_by_id(path, tokens):
    """The "added_tokens_decoder" of a tokenizer_config.json as `read_added_tokens` reads tokens."""
    if not isinstance(tokens, dict) or not all(
        key.isascii() and key.isdigit() and isinstance(token, dict) for key, token in tokens.items()
    ):
        raise InputError(f"{path}: `added_tokens_decoder` must be an object of tokens by ids.")
    return [{**token, "id": int(key[:9])} for key, token in tokens.items()]


def read_template(directory, settings):
    """The chat template of a directory, a string or None.

    Raises:
        InputError: if it is no string, or too long.
    """
    path = Path(directory) / TEMPLATE
    template = settings.get("chat_template")
    if path.is_file():
        try:
            data = read_regular(path, LARGEST)
            template = data.decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: cannot be read as text ({error}).") from error
    if isinstance(template, list):  # several templates by name
        named = {one.get("name"): one.get("template") for one in template if isinstance(one, dict)}
        template = named.get("default")
    if template is None:
        return None
    where = path if path.is_file() else Path(directory) / SETTINGS
    if not isinstance(template, str) or len(template.encode("utf-8", "replace")) > (
        _LONGEST_TEMPLATE
    ):
        raise InputError(
            f"{where}: the chat template must be text of at most {_LONGEST_TEMPLATE:,} bytes."
        )
    return template


def read_special_ids(directory, ids, defaults=None):
    """The `SpecialIds` that a directory says.

    The names of tokens in tokenizer_config.json count, then those in special_tokens_map.json, then
    the ids in config.json.

    Args:
        directory: of the files.
        ids: dict from each token to its id.
        defaults: dict from such a setting to a token's name, for what no file says.

    Raises:
        InputError: if a file names a token that the vocabulary lacks.
    """
    settings, older = read_json(directory, SETTINGS), read_json(directory, SPECIAL_MAP)
    config, found = read_json(directory, MODEL), {}
    for name, here in SPECIAL_NAMES.items():
        token, source = settings.get(name), SETTINGS
        if name not in settings and name in older:
            token, source = older[name], SPECIAL_MAP
        token = token.get("content") if isinstance(token, dict) else token
        if token is not None and (not isinstance(token, str) or token not in ids):
            if here in ("padding", "unknown") and isinstance(token, str):
                token = None  # transformers adds such a token; no text holds it
            else:
                raise InputError(
                    f"{Path(directory) / source}: `{name}` must be a token of the vocabulary. "
                    f"Received: {shortened(token)}"
                )
        found[here] = ids.get(token)
        if token is None and name not in settings and name not in older:
            config_id = config.get(name.replace("_token", "_token_id"))
            if isinstance(config_id, list) and config_id:
                config_id = config_id[0]
            if type(config_id) is int and config_id in ids.values():
                found[here] = config_id
            elif defaults and name in defaults:
                found[here] = ids.get(defaults[name])
    return SpecialIds(**found)
