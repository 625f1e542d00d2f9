"""A published checkpoint as a run directory, and a long encoder of a short one."""

from pathlib import Path

from keras_attention._validation import InputError
from keras_attention.json_file import json_object_or_empty, whole_read
from keras_attention.new_directory import refuse_existing_directory
from keras_attention.runs.run_files import foreign_to_run
from keras_attention.tasks.save_run import save_run, task_of_model


def import_checkpoint(directory, output, task=None, force=False, family=None, positions=None):
    """Makes a run of a published (HuggingFace) directory: what `keras-attention import` does.

    The longest text is what the model has positions for, or less where the directory says so
    (`model_max_length`, or `max_seq_length` of sentence-transformers).

    With `family` the run holds an encoder of that family with the weights of a BERT, which may be a
    run's too, and its head.

    Args:
        directory: holds config.json, model.safetensors and the tokenizer's files; with `family`
            also a run.
        output: path of the run.
        task: one that the family has models for, such as "classifier", "masked-lm",
            "token-classifier", "encoder", "embedding" or "language-model"; by default "embedding"
            of a directory of sentence-transformers, else what "architectures" in config.json says,
            and the first of the family's where it says nothing.
        force: whether an existing run may be overwritten.
        family: one whose encoder is made of a BERT: "bigbird". None leaves the model as it is.
        positions: of that encoder, the longest text in tokens; 4,096 by default.

    Returns:
        The path of the run.

    Raises:
        InputError: if a file is missing or damaged, the checkpoint is of a family that is not
        known, it lacks the head that `task` needs, or no such encoder can be made of it.

    >>> import_checkpoint("all-MiniLM-L6-v2", "run", task="encoder")
    """
    from keras_attention.checkpoints import load_hugging_face, load_tokenizer
    from keras_attention.checkpoints.hugging_face import hugging_face_files
    from keras_attention.checkpoints.hugging_face_config import read_max_length
    from keras_attention.checkpoints.sentence_transformers import task_of_modules

    refuse_existing_directory(output, force, [directory], foreign_to_run)
    if family is None and positions is not None:
        raise InputError("`positions` are those of the encoder that `family` asks for.")
    if family is not None and "kind" in json_object_or_empty(Path(directory) / "config.json"):
        return _long_run(directory, output, task, force, family, positions)
    model, tokenizer, longest = whole_read(
        directory,
        lambda path: (
            load_hugging_face(path, task=task or task_of_modules(path)),
            load_tokenizer(path),
            read_max_length(path),
        ),
        hugging_face_files,
    )
    if family is not None:
        model, longest = lengthened(model, family, positions, directory), None
    return save_run(
        model,
        tokenizer,
        output,
        force=force,
        initial_weights=Path(directory).resolve().name,
        **task_of_model(model).imported_config(model, longest),
    )


def _long_run(directory, output, task, force, family, positions):
    """`import_checkpoint` of a run."""
    from keras_attention.tasks.adapt_model import without_adapters
    from keras_attention.tasks.load import read_run

    if task is not None:
        raise InputError(f"{directory} is a run, whose task is known: leave out `task`.")
    kind, config, model, tokenizer, _ = read_run(directory)
    without_adapters(model)
    model = lengthened(model, family, positions, directory)
    # What the task reads of a run, such as the column of a classifier of pairs.
    kept = {n: config[n] for n in kind.run_fields if n in config and n not in ("kind", "labels")}
    return save_run(
        model,
        tokenizer,
        output,
        labels=config.get("labels"),
        force=force,
        initial_weights=Path(directory).resolve().name,
        **{**kept, **task_of_model(model).imported_config(model)},
    )


def lengthened(model, family, positions, path):
    """The model with an encoder of another family in the place of its BERT.

    Args:
        model: a `BertEncoder`, or a head on one.
        family: a key of `ENCODER_FAMILIES`, of a class that has `from_bert`.
        positions: of the new encoder; None for the family's own number.
        path: where the model is from, for messages.

    Raises:
        InputError: if the family or the model is another, or has more positions.
    """
    from keras_attention.models.encoder_families import ENCODER_FAMILIES
    from keras_attention.tasks.encoder_task import own_encoder

    makers = {n: c.from_bert for n, c in ENCODER_FAMILIES.items() if hasattr(c, "from_bert")}
    if family not in makers:
        raise InputError(
            f"`family` must be one whose encoder is made of a BERT: {', '.join(makers)}. "
            f"Received: {family!r}"
        )
    encoder = own_encoder(model)
    longest = 1 if encoder is None else encoder.max_sequence_length
    if positions is not None and positions < longest:
        raise InputError(
            f"`positions` must be at least those of {path}: {longest:,}. Received: {positions:,}"
        )
    options = {} if positions is None else {"max_sequence_length": positions}
    try:
        made = makers[family](encoder, **options)
    except ValueError as error:
        raise InputError(f"{path} cannot become a {family}: {error}") from error
    return made if model is encoder else model.with_encoder(made)
