"""Artifacts of the tiny models, with all three forms."""

from keras_attention.tasks.classification import export_classifier
from keras_attention.tasks.load_run import load_run
from keras_attention.tasks.translation import export_translator
from tests.runs.small_runs import TEXTS


def export_small(run, path):
    """Exports the run of a tiny translator or classifier."""
    found = load_run(run)
    if hasattr(found, "labels"):
        model, tokenizer, length = found.model, found.tokenizer, found.max_length
        export_classifier(model, tokenizer, found.labels, path, TEXTS, max_length=length)
    else:
        export_translator(found.model, found.tokenizer, path, TEXTS)
