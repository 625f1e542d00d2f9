"""Text to ids and back, and the one table of the tokenizers of encoders.

A new tokenizer of encoders is a file in this package and a line in `ENCODER_TOKENIZERS`. Its class
has what `WordPieceTokenizer` has:

- the constructors `load(directory)` and `train(texts, vocabulary_size, lowercase)`, and
  `save(directory)`, which writes a `tokenizer_config.json` with the `tokenizer_class` of the table;
- `encode(texts, pairs=None, max_length=512)`, which returns `Encoded`, `decode(token_ids)`, and
  `in_graph()`, a `tf.Module` with `pack(texts, pairs, max_length)`;
- `vocabulary_size`, `special_ids` with a padding id, `padding_id`, `mask_id`, `is_continuation`,
  `pieces(token_ids)` and `describe()`.
"""

import pkgutil
from pathlib import Path

from keras_attention._validation import require
from keras_attention.json_file import json_object_or_empty

# What `tokenizer_config.json` calls a tokenizer -> the class. A directory that names none of these
# has the first.
ENCODER_TOKENIZERS = {
    "BertTokenizer": "keras_attention.text.tokenizers.wordpiece_tokenizer:WordPieceTokenizer",
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
    require(
        isinstance(tokenizer, tuple(classes)),
        "tokenizer",
        " or ".join(f"a {cls.__name__}" for cls in classes),
        tokenizer=type(tokenizer).__name__,
    )
