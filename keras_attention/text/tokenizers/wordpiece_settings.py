"""What the JSON files of a published directory say about ids: applied, or refused by name.

`WordPieceTokenizer` gives the ids of HuggingFace's BertTokenizer with five special tokens. A
directory may ask for others in any of its files: by tokens that were added to the vocabulary, by
special tokens of other names, by another kind of tokenizer, or by another row around a text. Each
function here raises `InputError`, which names file and setting, where the ids would be others.
"""

from keras_attention._validation import InputError
from keras_attention.json_file import shortened
from keras_attention.text.tokenizers.wordpiece_vocabulary import SPECIAL_TOKENS

SPECIAL_NAMES = dict(
    zip(
        ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"),
        SPECIAL_TOKENS,
        strict=True,
    )
)
# Tokenizers that give BERT's ids: under their own names, or as tokenizer.json describes them.
BERT_CLASSES = tuple(
    f"{name}Tokenizer{speed}"
    for name in ("Bert", "DistilBert", "Electra")
    for speed in ("", "Fast")
)
DESCRIBED_CLASSES = ("PreTrainedTokenizerFast", "TokenizersBackend")
# The values with which `WordPieceTokenizer` gives the right ids. A setting may be missing.
_FIXED_SETTINGS = {
    "tokenizer_class": (*BERT_CLASSES, *DESCRIBED_CLASSES, None),
    "auto_map": (None, {}),  # code of the directory's own
    "do_basic_tokenize": (True,),
    "tokenize_chinese_chars": (True,),
    "clean_text": (True,),
    "never_split": (None, []),
    "wordpieces_prefix": ("##",),
    "word_tokenizer_type": ("basic", None),
    "subword_tokenizer_type": ("wordpiece", None),
    "do_word_tokenize": (True, None),
    "do_subword_tokenize": (True, None),
    "split_special_tokens": (False, None),
    "truncation_side": ("right", None),
}
_ADDED = ("additional_special_tokens", "extra_special_tokens")
# Options of a token that change ids. Blanks beside it (lstrip, rstrip) are dropped all the same.
_PLAIN_OPTIONS = {"single_word": (False, None), "normalized": (False, None)}


def require_value(path, name, value, expected):
    """Raises `InputError` unless `value` is one of `expected`, by value and type."""
    if not any(
        value == one and isinstance(value, bool) == isinstance(one, bool) for one in expected
    ):
        raise InputError(
            f"{path}: `{name}` must be {expected[0]!r} here. Received: {shortened(value)}"
        )


def require_known_settings(path, settings, ids):
    """Raises `InputError` where a file of settings asks for other ids.

    Args:
        path: of tokenizer_config.json or special_tokens_map.json, for the message.
        settings: its content, a dict.
        ids: dict from each token of the vocabulary to its id.
    """
    for name, expected in _FIXED_SETTINGS.items():
        if name in settings:
            require_value(path, name, settings[name], expected)
    for name, value in settings.items():
        if name in SPECIAL_NAMES:
            require_value(path, name, token_text(path, name, value), (SPECIAL_NAMES[name],))
        elif name.endswith("_token") and value not in (None, False):
            _require_special(path, name, [value])
    for name in _ADDED:
        if name in settings:
            value = settings[name]
            value = list(value.values()) if isinstance(value, dict) else value
            _require_special(path, name, value or [])
    added = settings.get("added_tokens_decoder") or {}
    if not isinstance(added, dict):
        raise InputError(
            f"{path}: `added_tokens_decoder` must be an object of tokens by their ids."
        )
    require_added_tokens(
        path,
        "added_tokens_decoder",
        [
            (token_text(path, "added_tokens_decoder", token), _id(token_id))
            for token_id, token in added.items()
        ],
        ids,
    )


def require_added_tokens(path, name, tokens, ids):
    """Raises `InputError` unless tokens that are called added are special ones with their own ids.

    Args:
        path: of the file, for the message.
        name: of the setting.
        tokens: list of `(token, id)`.
        ids: dict from each token of the vocabulary to its id.
    """
    _refuse_others(path, name, [token for token, _ in tokens])
    for token, token_id in tokens:
        if token_id != ids[token]:
            raise InputError(
                f"{path}: `{name}` must give {token} the id that it has in the vocabulary, "
                f"{ids[token]}. Received: {shortened(token_id)}"
            )


def require_plain_row(path, processor, ids):
    """Raises `InputError` unless a row is [CLS] text [SEP], or [CLS] text [SEP] text [SEP].

    Args:
        path: of tokenizer.json, for the message.
        processor: its "post_processor".
        ids: dict from each token of the vocabulary to its id.
    """
    processor = processor if isinstance(processor, dict) else {"type": processor}
    kind = processor.get("type")
    require_value(path, "post_processor.type", kind, ("TemplateProcessing", "BertProcessing"))
    expected = post_processor(ids)
    if kind == "BertProcessing":
        expected = {"cls": ["[CLS]", ids["[CLS]"]], "sep": ["[SEP]", ids["[SEP]"]]}
    for name, value in expected.items():
        require_value(path, f"post_processor.{name}", processor.get(name), (value,))


def post_processor(ids):
    """The "post_processor" of a tokenizer.json: what stands around a text, or around two."""

    def special(token, segment):
        return {"SpecialToken": {"id": token, "type_id": segment}}

    def text(name, segment):
        return {"Sequence": {"id": name, "type_id": segment}}

    single = [special("[CLS]", 0), text("A", 0), special("[SEP]", 0)]
    return {
        "type": "TemplateProcessing",
        "single": single,
        "pair": [*single, text("B", 1), special("[SEP]", 1)],
        "special_tokens": {
            token: {"id": token, "ids": [ids[token]], "tokens": [token]}
            for token in ("[CLS]", "[SEP]")
        },
    }


def _require_special(path, name, tokens):
    if not isinstance(tokens, list):
        raise InputError(
            f"{path}: `{name}` must be a list of tokens. Received: {shortened(tokens)}"
        )
    _refuse_others(path, name, [token_text(path, name, token) for token in tokens])


def _refuse_others(path, name, tokens):
    others = [token for token in tokens if token not in SPECIAL_TOKENS]
    if others:
        raise InputError(
            f"{path}: added tokens are not supported. Received: {shortened(others)} in `{name}`"
        )


def token_text(path, name, token):
    """The text of a token, given as it is or as an object with options.

    Raises:
        InputError: if an option would change ids.
    """
    if not isinstance(token, dict):
        return token
    content = token.get("content")
    for option, expected in _PLAIN_OPTIONS.items():
        require_value(path, f"{name}: {option} of {content}", token.get(option), expected)
    return content


def _id(text):
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() else text
