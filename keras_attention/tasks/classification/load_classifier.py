"""Classifiers from runs and artifacts."""

from pathlib import Path

from keras_attention._validation import InputError
from keras_attention.json_file import is_list_of_strings, is_size, require_fields
from keras_attention.runs.run_files import read_model
from keras_attention.tasks.artifact_runtimes import artifact_classifier
from keras_attention.tasks.keras_runtime import keras_classifier

FIELDS = {
    "labels": ("a list of names", is_list_of_strings),
    "max_sequence_length": ("an integer of at least 3", lambda value: is_size(value) and value > 2),
    "pair_column": ("a name or null", lambda value: value is None or isinstance(value, str)),
}


def classifier_of_run(path, config, **decoding):
    """A `TextClassifier` of a run directory, its Keras model being `.model`.

    Args:
        path: the run directory.
        config: its `config.json`, a dict.
        **decoding: must be empty.
    """
    # Here: an artifact's runtime needs neither TensorFlow nor Keras.
    from keras_attention.models import ClassifierHead
    from keras_attention.text import WordPieceTokenizer

    path = Path(path)
    _refuse_decoding(path, decoding)
    require_fields(config, FIELDS, path / "config.json")
    model = read_model(path)
    if not isinstance(model, ClassifierHead):
        raise InputError(
            f"{path / 'model.keras'}: expected a classifier, as config.json says. "
            f"Received: a {type(model).__name__}"
        )
    tokenizer = WordPieceTokenizer.load(path / "tokenizer")
    rows = model.encoder.vocabulary_size
    if tokenizer.vocabulary_size > rows:  # published embeddings may have rows to spare
        raise InputError(
            f"{path}: the tokenizer has {tokenizer.vocabulary_size:,} tokens and the model "
            f"{rows:,}; they do not belong together."
        )
    labels, length = config["labels"], config["max_sequence_length"]
    if len(labels) != model.num_classes:
        raise InputError(
            f"{path / 'config.json'}: the model tells {model.num_classes} labels apart, of which "
            f"the config names {len(labels)}."
        )
    longest = model.encoder.max_sequence_length
    if length > longest:
        raise InputError(
            f"{path / 'config.json'}: `max_sequence_length` must be at most {longest:,}, as the "
            f"model's. Received: {length:,}"
        )
    return keras_classifier(model, tokenizer, labels, length, config["pair_column"] is not None)


def classifier_of_artifact(path, runtime, manifest, **decoding):
    """A `TextClassifier` of one form of an artifact.

    Args:
        path: the artifact.
        runtime: "tf_saved_model", "tflite" or "onnx".
        manifest: its manifest, a dict.
        **decoding: must be empty.
    """
    _refuse_decoding(path, decoding)
    return artifact_classifier(path, runtime, manifest)


def _refuse_decoding(path, decoding):
    if decoding:
        raise InputError(
            f"{path} is a classifier, which decodes nothing: {', '.join(decoding)} "
            f"{'concerns' if len(decoding) == 1 else 'concern'} translators."
        )
