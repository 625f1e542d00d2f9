"""A published checkpoint as a run directory."""

from pathlib import Path

from keras_attention.new_directory import refuse_existing_directory
from keras_attention.runs.run_files import foreign_to_run
from keras_attention.tasks.save_run import save_run


def import_checkpoint(directory, output, task=None, force=False):
    """Makes a run of a published (HuggingFace) directory: what `keras-attention import` does.

    Args:
        directory: holds config.json, model.safetensors and the tokenizer's files.
        output: path of the run.
        task: "classifier", "masked-lm", "token-classifier" or "encoder"; by default what
            "architectures" in config.json says, and "encoder" where it says nothing.
        force: whether an existing run may be overwritten.

    Returns:
        The path of the run.

    Raises:
        InputError: if a file is missing or damaged, the checkpoint is of a family that is not
        known, or it lacks the head that `task` needs.

    >>> import_checkpoint("all-MiniLM-L6-v2", "run", task="encoder")
    """
    from keras_attention.checkpoints import load_hugging_face, load_tokenizer

    refuse_existing_directory(output, force, [directory], foreign_to_run)
    model = load_hugging_face(directory, task=task)
    tokenizer = load_tokenizer(directory)
    name = Path(directory).resolve().name
    return save_run(model, tokenizer, output, force=force, initial_weights=name)
