"""Run directories, whatever they hold."""

from keras_attention._validation import InputError
from keras_attention.runs.run_files import read_config
from keras_attention.tasks.classification.load_classifier import classifier_of_run
from keras_attention.tasks.translation.load_translator import translator_of_run

OF_RUN = {"translator": translator_of_run, "classifier": classifier_of_run}


def load_run(path, seed=None, kind=None, **search):
    """What was trained, in Keras: its model is `.model`.

    Args:
        path: the run directory.
        seed: as that of `load`.
        kind: as that of `load`.
        **search: fields of `keras_attention.decoding.SearchOptions`, over those of its config, or
            `sample=True` and fields of `SamplingOptions`.

    Returns:
        A `TextTranslator` or a `TextClassifier`.

    Raises:
        InputError: if `path` is not a finished run, or of another kind.
        ValueError: if an option is out of range.
    """
    config = read_config(path)
    found = config.get("kind")
    require_kind(f"{path} is a run", found, kind, OF_RUN)
    return OF_RUN[found](path, config, **only_given(seed=seed), **search)


def require_kind(what, found, kind, known):
    """Raises `InputError` unless `found` is `kind`, or one of the `known` where that is None."""
    expected = tuple(known) if kind is None else (kind,)
    if found not in expected:
        raise InputError(f"{what} of another kind: {found!r}, not a {' or a '.join(expected)}.")


def only_given(**options):
    """Those that are not None."""
    return {name: value for name, value in options.items() if value is not None}
