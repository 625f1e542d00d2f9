"""What a training begins with: encoder and tokenizer of a run or of published weights."""

from pathlib import Path

from keras_attention._validation import InputError
from keras_attention.json_file import read_json_object
from keras_attention.runs.run_files import read_model


def initial_encoder(config):
    """The encoder that a training begins with, ready to be trained.

    Args:
        config: with `initial_weights`, which names a run of masked-LM pretraining or of a BERT
            classifier, or a directory of HuggingFace's (config.json, model.safetensors, vocab.txt
            or tokenizer.json); `dropout`, a rate in the place of the encoder's own, or None;
            `max_sequence_length`; and `pair_column` where there may be pairs.

    Returns:
        A `BertEncoder`, none of whose layers is frozen, and its `WordPieceTokenizer`.

    Raises:
        InputError: if there is none, the vocabulary does not fit the embedding, or the encoder has
            fewer positions or segments than the texts of `config` need.
    """
    from keras_attention.models.encoder import encoder_of

    model, tokenizer = _read(config)
    return _prepared(encoder_of(model), config), tokenizer


def initial_masked_lm(config):
    """As `initial_encoder` with a head for masked tokens: the source's own if it has one.

    Returns:
        A `MaskedLM` and its `WordPieceTokenizer`.
    """
    from keras_attention.models import MaskedLM
    from keras_attention.models.encoder import encoder_of

    source, tokenizer = _read(config, with_head=True)
    model = MaskedLM(_prepared(encoder_of(source), config))
    if isinstance(source, MaskedLM):
        model.masked_lm.set_weights(source.masked_lm.get_weights())
    return model, tokenizer


def _read(config, with_head=False):
    """An encoder or a model that has one, and the tokenizer."""
    from keras_attention.checkpoints import load_tokenizer
    from keras_attention.models.encoder import encoder_of
    from keras_attention.text import WordPieceTokenizer

    directory = Path(config.initial_weights)
    try:
        values = read_json_object(directory / "config.json")
    except OSError as error:
        raise InputError(
            f"{directory}: neither a run nor a HuggingFace directory (config.json: {error})."
        ) from error
    if "kind" in values:
        model = _of_run(directory, values["kind"])
        tokenizer = WordPieceTokenizer.load(directory / "tokenizer")
    else:
        model, tokenizer = _of_hugging_face(directory, with_head), load_tokenizer(directory)
    # Published embeddings may have rows to spare, never too few.
    rows = encoder_of(model).vocabulary_size
    if tokenizer.vocabulary_size > rows:
        raise InputError(
            f"{directory}: the vocabulary has {tokenizer.vocabulary_size:,} tokens and the "
            f"embedding {rows:,} rows; they do not belong together."
        )
    return model, tokenizer


def _of_run(directory, kind):
    if kind not in ("masked-lm", "classifier"):
        raise InputError(
            f"{directory} is a run of another kind: {kind!r}, not masked-lm or a classifier."
        )
    from keras_attention.models import EncoderHead
    from keras_attention.models.encoder_families import ENCODER_FAMILIES

    model = read_model(directory)
    families = tuple(ENCODER_FAMILIES.values())
    if not isinstance(model, EncoderHead) or not isinstance(model.encoder, families):
        raise InputError(f"{directory}: its model has no BERT encoder to begin with.")
    return model


def _of_hugging_face(directory, with_head):
    from keras_attention.checkpoints.hugging_face import has_head, load_hugging_face

    has_masked_lm = with_head and has_head(directory, "masked-lm")
    return load_hugging_face(directory, task="masked-lm" if has_masked_lm else "encoder")


def _prepared(encoder, config):
    positions, segments = encoder.max_sequence_length, encoder.num_segments
    if config.max_sequence_length > positions:
        raise InputError(
            f"--max-length {config.max_sequence_length} is more than the {positions} positions of "
            f"{config.initial_weights}."
        )
    if getattr(config, "pair_column", None) is not None and segments < 2:
        raise InputError(
            f"--pair-column needs an encoder of two segments or more; {config.initial_weights} has "
            f"{segments}."
        )
    if config.dropout is not None:
        changed = {"dropout": config.dropout, "attention_dropout": None}
        other = type(encoder).from_config({**encoder.get_config(), **changed})
        other.set_weights(encoder.get_weights())
        encoder = other
    encoder.trainable = True  # a classifier's may have been frozen
    return encoder
