"""What the training of a language model begins with: a run, or published weights."""

from pathlib import Path

from keras_attention import json_file
from keras_attention._validation import InputError
from keras_attention.json_file import json_object_or_empty

KIND = "language-model"


def initial_model(config, custom_objects=None):
    """The model and the tokenizer that a training begins with.

    Where the windows were not asked for, they are at most what the model reads.

    Args:
        config: with `initial_weights`, which names a run of a language model or a directory of
            HuggingFace's (config.json, model.safetensors and the tokenizer's files).
        custom_objects: as that of `keras_attention.load`.

    Raises:
        InputError: if there is none, tokenizer and model do not belong together, or the windows are
            longer than what the model reads.
    """
    from keras_attention.tasks.language_model.training import continued_model

    model, tokenizer = _read(Path(config.initial_weights), custom_objects)
    if "max_sequence_length" not in config.given():
        config.max_sequence_length = min(config.max_sequence_length, model.max_sequence_length)
    if tokenizer.vocabulary_size > model.vocabulary_size:
        raise InputError(
            f"{config.initial_weights}: the tokenizer has {tokenizer.vocabulary_size:,} tokens and "
            f"the model {model.vocabulary_size:,}; they do not belong together."
        )
    return continued_model(model, config), tokenizer


def _read(directory, custom_objects):
    values = json_object_or_empty(directory / "config.json")
    if "kind" in values or not values:
        from keras_attention.tasks.load import read_run

        _, _, model, tokenizer, _ = read_run(directory, custom_objects, kind=KIND)
        return model, tokenizer
    from keras_attention.checkpoints import load_hugging_face, load_tokenizer
    from keras_attention.checkpoints.hugging_face import hugging_face_files

    return json_file.whole_read(
        directory,
        lambda path: (load_hugging_face(path, task=KIND), load_tokenizer(path)),
        hugging_face_files,
    )
