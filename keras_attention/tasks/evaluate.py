"""Evaluation, whatever the task."""

from keras_attention.tasks import task_of
from keras_attention.tasks.load import load
from keras_attention.text.corpora.kept_input import keeping_pipes


def evaluate(kind, path, runtime=None, custom_objects=None, *, seed=None, search=None, **options):
    """The scores of a run or of an artifact.

    Args:
        kind: of the task: "translator", "classifier", "masked-lm", "embedding" or "language-model".
        path: the run directory or the artifact.
        runtime, custom_objects, seed: those of `keras_attention.load`.
        search: dict of what says how the model decodes: see `load`.
        **options: of the task: of a translator `source`, `reference`, `tokenize` and `lowercase`;
            of a classifier `data`, its columns and `confusion`; of a masked LM or a language model
            `data`; of sentence vectors `data` and its columns.

    Returns:
        A dict of JSON values.

    Raises:
        InputError: if a file is unusable, or the model is of another kind.

    >>> evaluate("translator", "artifact", "onnx", source="test.en", reference="test.de")["bleu"]
    """
    task = task_of(kind)
    with keeping_pipes():
        data = task.read_evaluation(**options)
        model = load(path, runtime, custom_objects, seed=seed, kind=kind, **(search or {}))
        return task.evaluate(model, data)
