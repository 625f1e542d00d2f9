"""Artifacts of the tiny models, in all three formats."""

from keras_attention.tasks.export import export
from tests.runs.small_runs import TEXTS


def export_small(run, path):
    """Exports the run of a tiny translator or classifier."""
    export(run, path, examples=TEXTS)
