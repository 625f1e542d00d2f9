"""What a training begins with: encoder and tokenizer of a run or of published weights."""

from pathlib import Path

from keras_attention import json_file
from keras_attention._validation import InputError
from keras_attention.json_file import json_object_or_empty, read_json_object
from keras_attention.runs.run_directory import TOKENIZER, read_config, read_model
from keras_attention.tasks import task_of
from keras_attention.tasks.encoder_task import EncoderTask, own_encoder
from keras_attention.tasks.load import names_of_run
from keras_attention.tasks.training_parts import Initial


def initial_encoder(config, custom_objects=None):
    """The encoder that a training begins with, ready to be trained.

    Args:
        config: with `initial_weights`, which names a run of an encoder (of masked-LM pretraining, a
            classifier, a token classifier, or imported) or a directory of HuggingFace's
            (config.json, model.safetensors, vocab.txt or tokenizer.json); `dropout`, a rate in the
            place of the encoder's own, or None; and `max_sequence_length`.
        custom_objects: as that of `keras_attention.load`.

    Returns:
        `Initial`: an `Encoder`, none of whose layers is frozen, its tokenizer, and the pooling that
        the source declares.

    Raises:
        InputError: if there is none, the vocabulary does not fit the embedding, or the encoder has
            fewer positions than the texts of `config` need.
    """
    model, tokenizer, pooling = _read(config, None, custom_objects)
    return Initial(_prepared(own_encoder(model), config), tokenizer, pooling=pooling)


def initial_masked_lm(config, custom_objects=None):
    """As `initial_encoder` with a head for masked tokens: the source's own if it has one.

    Returns:
        `Initial`: a `MaskedLM` and its tokenizer.
    """
    from keras_attention.models import MaskedLM

    source, tokenizer, _ = _read(config, "masked-lm", custom_objects)
    model = MaskedLM(_prepared(own_encoder(source), config))
    if isinstance(source, MaskedLM):
        model.masked_lm.set_weights(source.masked_lm.get_weights())
    return Initial(model, tokenizer)


def initial_sentence_encoder(config, custom_objects=None):
    """As `initial_encoder` with what makes one vector of a text: the source's own if it has it.

    `config.pooling` goes before the source's pooling, unless it is None.

    Returns:
        `Initial`: a `SentenceEncoder` and its tokenizer.
    """
    from keras_attention.models import SentenceEncoder

    source, tokenizer, _ = _read(config, "embedding", custom_objects)
    own = {}
    if isinstance(source, SentenceEncoder):
        own = {"pooling": source.pooling, "normalize": source.normalize, "dense": source.dense}
    own |= config.given_of(pooling=config.pooling)
    length = config.max_sequence_length
    encoder = _prepared(own_encoder(source), config)
    model = SentenceEncoder(encoder, **own, max_sequence_length=length)
    if isinstance(source, SentenceEncoder):
        for layer, other in zip(model.dense_layers, source.dense_layers, strict=True):
            layer.set_weights(other.get_weights())
    return Initial(model, tokenizer)


def _read(config, head, custom_objects):
    """A model that is or has an encoder, its tokenizer, and how it makes one vector of a text, or
    None; the model with the head for a task if there is one, or None for no head."""
    directory = Path(config.initial_weights)
    model, tokenizer, pooling = json_file.whole_read(
        directory, lambda path: _parts(path, head, custom_objects), _names
    )
    # Published embeddings may have rows to spare, never too few.
    rows = own_encoder(model).vocabulary_size
    if tokenizer.vocabulary_size > rows:
        raise InputError(
            f"{directory}: the vocabulary has {tokenizer.vocabulary_size:,} tokens and the "
            f"embedding {rows:,} rows; they do not belong together."
        )
    return model, tokenizer, pooling


def _parts(directory, head, custom_objects):
    try:
        values = read_json_object(directory / "config.json")
    except OSError as error:
        if "kind" in json_object_or_empty(directory / "manifest.json"):
            read_config(directory)  # which says that it is an artifact
        raise InputError(
            f"{directory}: neither a run nor a HuggingFace directory (config.json: {error})."
        ) from error
    if "kind" in values:
        kind = task_of(values["kind"], f"{directory} is a run")
        if not isinstance(kind, EncoderTask):
            raise InputError(
                f"{directory} is a run of another kind: {kind.kind!r}, not one with an encoder."
            )
        model = read_model(directory, custom_objects)
        if own_encoder(model) is None:
            raise InputError(f"{directory}: its model has no encoder to begin with.")
        return model, kind.load_tokenizer(directory / TOKENIZER), _pooling(model)
    from keras_attention.checkpoints import load_hugging_face, load_tokenizer
    from keras_attention.checkpoints.hugging_face import has_head
    from keras_attention.checkpoints.hugging_face_config import read_family
    from keras_attention.checkpoints.sentence_transformers import (
        declared_pooling,
        task_of_modules,
        with_modules,
    )

    family = read_family(directory)
    if "encoder" not in family.tasks:
        raise InputError(
            f"{directory} is a published directory of a {family.name}, which has no encoder to "
            "begin with."
        )
    has_modules = head is not None and task_of_modules(directory) == head
    has_own = head is not None and not has_modules and has_head(directory, head)
    model = load_hugging_face(directory, task=head if has_own else "encoder")
    if has_modules:
        model = with_modules(model, directory)
    pooling = declared_pooling(directory, own_encoder(model).hidden_dim)
    return model, load_tokenizer(directory), pooling


def _pooling(model):
    """How a model of this package makes one vector of a text, or None."""
    from keras_attention.models import Classifier, SentenceEncoder

    return model.pooling if isinstance(model, (Classifier, SentenceEncoder)) else None


def _names(directory):
    """The files of either kind of directory."""
    from keras_attention.checkpoints.hugging_face import hugging_face_files

    return {*names_of_run(directory), *hugging_face_files(directory)}


def _prepared(encoder, config):
    from keras_attention.layers.layer import unfreeze

    positions = encoder.max_sequence_length
    if config.max_sequence_length > positions:
        raise InputError(
            f"`max_sequence_length` {config.max_sequence_length} is more than the {positions} "
            f"positions of {config.initial_weights}."
        )
    if config.dropout is not None:
        encoder = encoder.with_dropout(config.dropout)
    unfreeze(encoder)  # a classifier's may have been frozen
    return encoder
