"""Runs and artifacts of classifiers whose config says what their logits mean, made once."""

from keras_attention import export
from keras_attention.tasks.import_checkpoint import import_checkpoint
from tests.tasks.small_heads import write_checkpoint


def head_run(once, head):
    """The run of one of `small_heads.HEADS`. Not to be changed."""

    def make(folder):
        import_checkpoint(write_checkpoint(folder / "checkpoint", head), folder / "run")

    return once(f"head {head}", make) / "run"


def head_artifact(once, head):
    """Its artifact in all formats. Not to be changed."""
    run = head_run(once, head)
    return once(f"exported head {head}", lambda folder: export(run, folder / "artifact")) / (
        "artifact"
    )
