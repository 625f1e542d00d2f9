"""SentencePiece tokenizers with byte fallback as HuggingFace's files."""

from pathlib import Path

from keras_attention._validation import InputError
from keras_attention.regular_file import read_regular
from keras_attention.text.tokenizers.byte_fallback_json import model_of
from keras_attention.text.tokenizers.byte_pair_files import start_token
from keras_attention.text.tokenizers.tokenizer_files import (
    ADDED,
    SETTINGS,
    TOKENIZER,
    read_added_tokens,
    read_json,
    read_special_ids,
    read_template,
    require_value,
    tokens_by_id,
)

MODEL_FILE = "tokenizer.model"
PREFIXES_BLANKS = "prefixes_blanks"  # our own setting in tokenizer_config.json
_LARGEST = 1 << 26  # bytes of a model

# Classes that read tokenizer.model as Llama 2's tokenizer does, or tokenizer.json.
_CLASSES = (
    "LlamaTokenizer",
    "LlamaTokenizerFast",
    "PreTrainedTokenizerFast",
    "TokenizersBackend",
    None,
)


def read_byte_fallback(directory):
    """The arguments of the `ByteFallbackTokenizer` in a HuggingFace directory, a dict.

    Raises:
        InputError: if a file is missing or cannot be read, or asks for other ids than these
            arguments give.
    """
    import sentencepiece

    directory = Path(directory)
    path, described = directory / MODEL_FILE, read_json(directory, TOKENIZER)
    if not path.exists() and isinstance(described.get("model"), dict):
        path = directory / TOKENIZER
        model = model_of(path, described)
    else:
        model = _read_model(path)
    try:
        processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    except RuntimeError as error:
        raise InputError(f"{path}: not a SentencePiece model.") from error
    settings = read_json(directory, SETTINGS)
    for name, expected in (
        ("tokenizer_class", _CLASSES),
        ("add_eos_token", (None, False)),
        ("add_prefix_space", (None, True)),
        ("legacy", (None, False, True)),
        (PREFIXES_BLANKS, (None, False, True)),
    ):
        require_value(directory / SETTINGS, name, settings.get(name), expected)
    count = processor.vocab_size()
    pieces = {processor.id_to_piece(token_id): token_id for token_id in range(count)}
    added = _added_tokens(directory, settings, described, processor)
    for token in added:
        is_piece = pieces.get(token.content) == token.id
        if not is_piece and (token.content in pieces or token.id < count):
            raise InputError(
                f"{directory}: {token.content} is given the id {token.id}, which is another one in "
                f"{path.name}."
            )
    ids = {**pieces, **{token.content: token.id for token in added}}
    defaults = {
        name: processor.id_to_piece(token_id)
        for name, token_id in (
            ("bos_token", processor.bos_id()),
            ("eos_token", processor.eos_id()),
            ("unk_token", processor.unk_id()),
            ("pad_token", processor.pad_id()),
        )
        if token_id >= 0
    }
    special_ids = read_special_ids(directory, ids, defaults)
    adds_start = settings.get("add_bos_token")
    if adds_start is None and described:
        processors = described.get("post_processor")
        start = start_token(directory / TOKENIZER, processors, ids)
        adds_start = start is not None and start == special_ids.start
    return {
        "model": model,
        "special_ids": special_ids,
        "added_tokens": added,
        "adds_start": special_ids.start is not None and adds_start in (None, True),
        "chat_template": read_template(directory, settings),
        **_prefixes(settings, described),
    }


def _read_model(path):
    try:
        return read_regular(path, _LARGEST)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error


def _prefixes(settings, described):
    """What gets the blank before it: see `ByteFallbackTokenizer`."""
    pre_tokenizer = described.get("pre_tokenizer")
    if isinstance(pre_tokenizer, dict) and pre_tokenizer.get("type") == "Metaspace":
        scheme = pre_tokenizer.get("prepend_scheme", "always")
        return {"prefixes_all": scheme != "first", "prefixes_blanks": False}
    if described.get("normalizer") is not None:
        return {"prefixes_all": True, "prefixes_blanks": True}
    return {
        "prefixes_all": settings.get("legacy") is not False,
        "prefixes_blanks": settings.get(PREFIXES_BLANKS) is not False,
    }


def _added_tokens(directory, settings, described, processor):
    """The `AddedToken`s of a directory; where no file names any, the special pieces."""
    if "added_tokens" in described:
        path = directory / TOKENIZER
        return read_added_tokens(path, "added_tokens", described["added_tokens"] or [])
    path = directory / SETTINGS
    if "added_tokens_decoder" in settings:
        tokens = tokens_by_id(path, settings["added_tokens_decoder"])
        return read_added_tokens(path, "added_tokens_decoder", tokens)
    special = [processor.unk_id(), processor.bos_id(), processor.eos_id()]
    tokens = [
        {"content": processor.id_to_piece(token_id), "id": token_id, "special": True}
        for token_id in special
        if token_id >= 0
    ]
    tokens += [
        {"content": token, "id": token_id, "special": False, "normalized": False}
        for token, token_id in read_json(directory, ADDED).items()
    ]
    return read_added_tokens(directory / ADDED, "the tokens", tokens)
