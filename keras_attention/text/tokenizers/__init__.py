"""Text to ids and back, and the tables of the tokenizers of encoders and of language models.

A new tokenizer of encoders is a file in this package and a line in `ENCODER_TOKENIZERS`. Its class
has what `WordPieceTokenizer` has:

- the constructors `load(directory)` and `train(texts, vocabulary_size, lowercase)`, and
  `save(directory)`, which writes a `tokenizer_config.json` with the `tokenizer_class` of the table;
- `encode(texts, pairs=None, max_length=512)`, which returns `Encoded`, `decode(token_ids)`, and
  `in_graph()`, a `tf.Module` with `pack(texts, pairs, max_length)`;
- `vocabulary_size`, `special_ids` with a padding id, `padding_id`, `mask_id`, `is_continuation`,
  `pieces(token_ids, texts=())`, which shows unknown words as the texts have them, and `describe()`.

A new tokenizer of language models is a subclass of `LanguageModelTokenizer` in this package and a
line in `LANGUAGE_MODEL_TOKENIZERS`.
"""

import pkgutil
from pathlib import Path

from keras_attention._validation import require
from keras_attention.json_file import json_object_or_empty
from keras_attention.text.tokenizers.language_model_tokenizer import LanguageModelTokenizer
from keras_attention.text.tokenizers.tokenizer_files import LARGEST

# What `tokenizer_config.json` calls a tokenizer -> the class. A directory that names none of these
# has the first.
ENCODER_TOKENIZERS = {
    "BertTokenizer": "keras_attention.text.tokenizers.wordpiece_tokenizer:WordPieceTokenizer",
    "BigBirdTokenizer": "keras_attention.text.tokenizers.sentencepiece_encoder_tokenizer:"
    "SentencePieceEncoderTokenizer",
}

# What `--tokenizer` and our own `tokenizer_config.json` call a tokenizer of language models -> the
# class.
LANGUAGE_MODEL_TOKENIZERS = {
    "bytes": "keras_attention.text.tokenizers.byte_tokenizer:ByteTokenizer",
    "characters": "keras_attention.text.tokenizers.character_tokenizer:CharacterTokenizer",
    "bpe": "keras_attention.text.tokenizers.byte_pair_tokenizer:BytePairTokenizer",
    "sentencepiece": (
        "keras_attention.text.tokenizers.byte_fallback_tokenizer:ByteFallbackTokenizer"
    ),
}


def encoder_tokenizer(tokenizer_class):
    """The class of a tokenizer: `tokenizer_class` is a key of `ENCODER_TOKENIZERS`.

    >>> encoder_tokenizer("BertTokenizer").__name__
    'WordPieceTokenizer'
    """
    require(
        tokenizer_class in ENCODER_TOKENIZERS,
        "tokenizer_class",
        f"one of {tuple(ENCODER_TOKENIZERS)}",
        tokenizer_class=tokenizer_class,
    )
    return pkgutil.resolve_name(ENCODER_TOKENIZERS[tokenizer_class])


def load_encoder_tokenizer(directory, default=None):
    """The tokenizer of a directory, of the class that its `tokenizer_config.json` names.

    Args:
        directory: what `save` wrote, or a published directory.
        default: a key of `ENCODER_TOKENIZERS`, for a directory that names none of them; None is the
            first one.

    Raises:
        InputError: if a file is missing, cannot be read, or describes another tokenizer.
    """
    named = json_object_or_empty(Path(directory) / "tokenizer_config.json").get("tokenizer_class")
    if not isinstance(named, str) or named not in ENCODER_TOKENIZERS:
        named = default or next(iter(ENCODER_TOKENIZERS))
    return encoder_tokenizer(named).load(directory)


def require_encoder_tokenizer(tokenizer):
    """Raises `ValueError` unless `tokenizer` is one of the table."""
    classes = [encoder_tokenizer(name) for name in ENCODER_TOKENIZERS]
    *others, last = (f"a {cls.__name__}" for cls in classes)
    require(
        isinstance(tokenizer, tuple(classes)),
        "tokenizer",
        f"{', '.join(others)} or {last}",
        tokenizer=type(tokenizer).__name__,
    )


def language_model_tokenizer(kind):
    """The class of a tokenizer of language models: `kind` is a key of `LANGUAGE_MODEL_TOKENIZERS`.

    >>> language_model_tokenizer("bytes").__name__
    'ByteTokenizer'
    """
    require(
        kind in LANGUAGE_MODEL_TOKENIZERS,
        "kind",
        f"one of {tuple(LANGUAGE_MODEL_TOKENIZERS)}",
        kind=kind,
    )
    return pkgutil.resolve_name(LANGUAGE_MODEL_TOKENIZERS[kind])


def load_language_model_tokenizer(directory):
    """The tokenizer of a language model in a directory, of the class that its files tell.

    Args:
        directory: what `save` wrote, or a published directory: with tokenizer.model of
            SentencePiece, with tokenizer.json, or with vocab.json and merges.txt.

    Raises:
        InputError: if a file is missing, cannot be read, or describes another tokenizer.
    """
    kind = json_object_or_empty(Path(directory) / "tokenizer_config.json").get("kind")
    if not isinstance(kind, str) or kind not in LANGUAGE_MODEL_TOKENIZERS:
        kind = "sentencepiece" if _is_sentencepiece(Path(directory)) else "bpe"
    return language_model_tokenizer(kind).load(directory)


def _is_sentencepiece(directory):
    """Whether a published directory has a SentencePiece model, or describes one.

    Llama 3 has a tokenizer.model too, which is none: its tokenizer.json is byte-level.
    """
    model = json_object_or_empty(directory / "tokenizer.json", LARGEST).get("model")
    if isinstance(model, dict):
        return model.get("byte_fallback") is True
    return (directory / "tokenizer.model").is_file()


def require_language_model_tokenizer(tokenizer):
    """Raises `ValueError` unless `tokenizer` is one of language models."""
    require(
        isinstance(tokenizer, LanguageModelTokenizer),
        "tokenizer",
        "a tokenizer of language models, such as a BytePairTokenizer",
        tokenizer=type(tokenizer).__name__,
    )
