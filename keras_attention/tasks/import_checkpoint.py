"""A published checkpoint as a run directory."""

from pathlib import Path

from keras_attention.json_file import whole_read
from keras_attention.new_directory import refuse_existing_directory
from keras_attention.runs.run_files import foreign_to_run
from keras_attention.tasks.save_run import save_run, task_of_model


def import_checkpoint(directory, output, task=None, force=False):
    """Makes a run of a published (HuggingFace) directory: what `keras-attention import` does.

    The longest text is what the model has positions for, or less where the directory says so
    (`model_max_length`, or `max_seq_length` of sentence-transformers).

    Args:
        directory: holds config.json, model.safetensors and the tokenizer's files.
        output: path of the run.
        task: one that the family has models for, such as "classifier", "masked-lm",
            "token-classifier", "encoder" or "embedding"; by default "embedding" of a directory of
            sentence-transformers, else what "architectures" in config.json says, and the first of
            the family's where it says nothing.
        force: whether an existing run may be overwritten.

    Returns:
        The path of the run.

    Raises:
        InputError: if a file is missing or damaged, the checkpoint is of a family that is not
        known, or it lacks the head that `task` needs.

    >>> import_checkpoint("all-MiniLM-L6-v2", "run", task="encoder")
    """
    from keras_attention.checkpoints import load_hugging_face, load_tokenizer
    from keras_attention.checkpoints.hugging_face import hugging_face_files
    from keras_attention.checkpoints.hugging_face_config import read_max_length
    from keras_attention.checkpoints.sentence_transformers import task_of_modules

    refuse_existing_directory(output, force, [directory], foreign_to_run)
    model, tokenizer, longest = whole_read(
        directory,
        lambda path: (
            load_hugging_face(path, task=task or task_of_modules(path)),
            load_tokenizer(path),
            read_max_length(path),
        ),
        hugging_face_files,
    )
    return save_run(
        model,
        tokenizer,
        output,
        force=force,
        initial_weights=Path(directory).resolve().name,
        **task_of_model(model).imported_config(model, longest),
    )
