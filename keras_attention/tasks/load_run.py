"""Run directories, whatever they hold."""

from pathlib import Path

from keras_attention.runs.run_directory import TOKENIZER, read_config, read_model
from keras_attention.tasks import task_of


def load_run(path, custom_objects=None, *, seed=None, kind=None, **options):
    """What was trained, in Keras: its model is `.model`.

    Args:
        path: the run directory.
        custom_objects, seed, kind: those of `load`.
        **options: how the task's model answers, over what the run's config says: of a translator
            fields of `keras_attention.decoding.SearchOptions`, or `sample=True` and fields of
            `SamplingOptions`.

    Returns:
        The task's object for users, such as a `TextTranslator` or a `TextClassifier`.

    Raises:
        InputError: if `path` is not a finished run, or of another kind.
        ValueError: if an option is out of range.
    """
    path = Path(path)
    config = read_config(path)
    task = task_of(config.get("kind"), f"{path} is a run", kind)
    answer = task.run_options(path, config, seed, **options)
    model = read_model(path, custom_objects)
    tokenizer = task.load_tokenizer(path / TOKENIZER)
    task.require_fit(path, config, model, tokenizer)
    return task.wrap(model, tokenizer, config, answer)
