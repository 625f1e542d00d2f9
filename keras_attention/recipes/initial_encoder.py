"""What a training begins with: encoder and tokenizer of a run or of published weights."""

from pathlib import Path

from keras_attention._validation import InputError
from keras_attention.json_file import read_json_object
from keras_attention.loading import read_model


def initial_encoder(directory, dropout=None):
    """The `BertEncoder` and the `WordPieceTokenizer` of a directory.

    Args:
        directory: a run of masked-LM pretraining or of a BERT classifier, or a directory of
            HuggingFace's (config.json, model.safetensors, vocab.txt or tokenizer.json).
        dropout: rate in the place of the encoder's own, or None.

    Raises:
        InputError: if it is none of these, or the vocabulary does not fit the embedding.
    """
    from keras_attention.checkpoints import load_hugging_face
    from keras_attention.text import WordPieceTokenizer

    directory = Path(directory)
    try:
        config = read_json_object(directory / "config.json")
    except OSError as error:
        raise InputError(
            f"{directory}: neither a run nor a HuggingFace directory (config.json: {error})."
        ) from error
    if "kind" in config:
        encoder, files = _of_run(directory, config), directory / "tokenizer"
    else:
        encoder, files = load_hugging_face(directory), directory
    tokenizer = WordPieceTokenizer.load(files)
    # Published embeddings may have rows to spare, never too few.
    if tokenizer.vocabulary_size > encoder.vocabulary_size:
        raise InputError(
            f"{directory}: the vocabulary has {tokenizer.vocabulary_size:,} tokens and the "
            f"embedding {encoder.vocabulary_size:,} rows; they do not belong together."
        )
    return (encoder if dropout is None else _with_dropout(encoder, dropout)), tokenizer


def _of_run(directory, config):
    if config["kind"] not in ("masked-lm", "classifier"):
        raise InputError(
            f"{directory} is a run of another kind: {config['kind']!r}, not masked-lm or a "
            "classifier."
        )
    encoder = getattr(read_model(directory), "encoder", None)
    if encoder is None:
        raise InputError(f"{directory}: its model has no BERT encoder to begin with.")
    return encoder


def _with_dropout(encoder, dropout):
    changed = {"dropout": dropout, "attention_dropout": None}
    other = type(encoder).from_config({**encoder.get_config(), **changed})
    other.set_weights(encoder.get_weights())
    return other
