"""What the JSON files of a published directory say about ids: applied, or refused by name.

`WordPieceTokenizer` gives the ids of HuggingFace's BertTokenizer with five special tokens. A
directory may ask for others in any of its files: by tokens that were added to the vocabulary, which
are applied, by special tokens of other names, by another kind of tokenizer, or by another row
around a text. Each function here raises `InputError`, which names file and setting, where the ids
would be others.
"""

import dataclasses

from keras_attention._validation import InputError, one_line
from keras_attention.json_file import shortened
from keras_attention.text.tokenizers.wordpiece_vocabulary import SPECIAL_TOKENS, AddedToken

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
# The models that read no segments, by `model_type` of config.json and by their tokenizers.
MODELS_WITHOUT_SEGMENTS = ("distilbert",)
CLASSES_WITHOUT_SEGMENTS = ("DistilBertTokenizer", "DistilBertTokenizerFast")
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
    "token_type_ids_pattern": ("bert_style", None),
    "add_special_tokens": (True, None),
    "add_cls_token": (True, None),
    "add_sep_token": (True, None),
    "add_bos_token": (False, None),
    "add_eos_token": (False, None),
}
# Lists of further tokens, or objects that name them.
_ADDED = (
    "additional_special_tokens",
    "extra_special_tokens",
    "model_specific_special_tokens",
)


@dataclasses.dataclass(frozen=True)
class Mention:
    """What one setting of a file says of a token; None where it says nothing.

    Blanks beside a token are dropped, whether lstrip and rstrip say so or not.
    """

    path: object
    name: str
    content: str
    id: int | None = None
    normalized: bool | None = None
    special: bool | None = None

    def __str__(self):
        return f"{self.path}: `{self.name}`"


def require_value(path, name, value, expected):
    """Raises `InputError` unless `value` is one of `expected`, by value and type."""
    if not any(
        value == one and isinstance(value, bool) == isinstance(one, bool) for one in expected
    ):
        raise InputError(
            f"{path}: `{name}` must be {expected[0]!r} here. Received: {shortened(value)}"
        )


def read_settings(path, settings, reads_segments=True):
    """The tokens that a file of settings names beside the vocabulary's: a list of `Mention`.

    Args:
        path: of tokenizer_config.json or special_tokens_map.json, for the message.
        settings: its content, a dict.
        reads_segments: whether the model reads segments.

    Raises:
        InputError: if it asks for other ids.
    """
    for name, expected in _FIXED_SETTINGS.items():
        if name in settings:
            require_value(path, name, settings[name], expected)
    inputs = settings.get("model_input_names")
    needed = "token_type_ids" if reads_segments else "input_ids"
    if inputs is not None and not (isinstance(inputs, list) and needed in inputs):
        reason = ", which tell the second text of a pair from the first" if reads_segments else ""
        raise InputError(
            f"{path}: `model_input_names` must hold {needed!r} here{reason}. Received: "
            f"{shortened(inputs)}"
        )
    found = []
    for name, value in settings.items():
        if name in SPECIAL_NAMES:
            content = mention(path, name, value).content if isinstance(value, dict) else value
            require_value(path, name, content, (SPECIAL_NAMES[name],))
        elif name.endswith("_token") and name not in _FIXED_SETTINGS and value is not None:
            found.append(mention(path, name, value, special=True))
    for name in _ADDED:
        value = settings.get(name) or []
        value = list(value.values()) if isinstance(value, dict) else value
        if not isinstance(value, list):
            raise InputError(
                f"{path}: `{name}` must be a list of tokens. Received: {shortened(value)}"
            )
        found += [mention(path, name, token, special=True) for token in value]
    added = settings.get("added_tokens_decoder") or {}
    if not isinstance(added, dict):
        raise InputError(
            f"{path}: `added_tokens_decoder` must be an object of tokens by their ids."
        )
    for token_id, token in added.items():
        found.append(mention(path, "added_tokens_decoder", token, _id(token_id)))
    return found


def mention(path, name, token, token_id=None, special=None):
    """The `Mention` of a token, which is given as a string or as an object with options.

    Args:
        path: of the file, for the message.
        name: of the setting.
        token: string, or object with "content".
        token_id: what the file gives as its id.
        special: whether the setting is of special tokens; None where the token says it.

    Raises:
        InputError: if an option cannot be applied: a token of whole words alone (single_word), or
            a special one that is normalized.
    """
    options = token if isinstance(token, dict) else {"content": token}
    content = options.get("content")
    if not isinstance(content, str) or not content:
        raise InputError(
            f"{path}: `{name}` must hold tokens, as strings or by their content. Received: "
            f"{shortened(token)}"
        )
    allowed = (False, None) if content in SPECIAL_TOKENS else (False, True, None)
    for option, expected in (
        ("single_word", (False, None)),
        ("normalized", allowed),
        ("special", (False, True, None)),
    ):
        require_value(
            path, f"{name}: {option} of {one_line(content, 100)}", options.get(option), expected
        )
    special = special or options.get("special")
    normalized = options.get("normalized")
    if isinstance(token, dict) and normalized is None:
        normalized = not special
    return Mention(path, name, content, token_id, normalized, special)


def added_tokens_of(mentions, ids):
    """The `AddedToken`s that files name, the special tokens left out; a list.

    A token that is named without options is looked for as it is where it is special, and else in
    the normalized text, as HuggingFace's tokenizers do.

    Args:
        mentions: list of `Mention`.
        ids: dict from each token of the vocabulary to its id.

    Raises:
        InputError: if two settings say different things of a token, or one has no id, or another
            one than it can have.
    """
    told = {}
    for one in mentions:
        told.setdefault(one.content, []).append(one)
    found = []
    for content, said in told.items():
        token_id = _agreed(said, "id")
        own = ids.get(content)
        if own is not None and token_id not in (None, own):
            raise InputError(
                f"{next(one for one in said if one.id is not None)} must give {content} the id "
                f"that it has in the vocabulary, {own}. Received: {shortened(token_id)}"
            )
        if content in SPECIAL_TOKENS:
            continue
        token_id = own if token_id is None else token_id
        if type(token_id) is not int:
            raise InputError(
                f"{said[0]} names the token {shortened(content)}; expected an integer as its id in "
                f"one of the files. Received: {shortened(token_id)}"
            )
        special = any(one.special for one in said)
        normalized = _agreed(said, "normalized")
        normalized = not special if normalized is None else normalized
        found.append(AddedToken(content, token_id, normalized, special))
    beyond = [token for token in found if token.content not in ids]
    for expected, token in enumerate(sorted(beyond, key=lambda token: token.id), start=len(ids)):
        if token.id != expected:
            raise InputError(
                f"{told[token.content][0]} must give added tokens the ids that follow those of the "
                f"vocabulary, {len(ids)} and so on. Received: {token.id} for "
                f"{shortened(token.content)}"
            )
    return found


def _agreed(said, attribute):
    """What the mentions of one token say in common; None where they say nothing."""
    values = [one for one in said if getattr(one, attribute) is not None]
    for one in values[1:]:
        if getattr(one, attribute) != getattr(values[0], attribute):
            raise InputError(
                f"{values[0]} and {one} say different things of {shortened(one.content)}: "
                f"{attribute} is {shortened(getattr(values[0], attribute))} and "
                f"{shortened(getattr(one, attribute))}."
            )
    return getattr(values[0], attribute) if values else None


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


def _id(text):
    """The id that an object's key gives, or what else it is."""
    is_id = text.isascii() and text.isdigit() and len(text) <= 9
    return int(text) if is_id else text
