"""What this package can be trained for: each task in a folder of its own, and one table of them.

A new task is a folder with a `task.py` that defines `TASK`, and a line in `TASKS`.
"""

import importlib

from keras_attention._lazy import lazy_names
from keras_attention._validation import InputError, with_article

# What config.json and manifest.json call a task -> its folder.
TASKS = {
    "translator": "translation",
    "classifier": "classification",
    "masked-lm": "masked_lm",
    "encoder": "encoding",
    "token-classifier": "token_classification",
    "embedding": "embedding",
    "language-model": "language_model",
}

_MODULES = {
    "ClassifierConfig": "classification.classifier_config",
    "EmbeddingConfig": "embedding.embedding_config",
    "LanguageModelConfig": "language_model.language_model_config",
    "MaskedLMConfig": "masked_lm.masked_lm_config",
    "Option": "option",
    "Task": "task",
    "TextClassifier": "classification.text_classifier",
    "TextEmbedder": "embedding.text_embedder",
    "TextGenerator": "language_model.text_generator",
    "TextTranslator": "translation.text_translator",
    "TranslatorConfig": "translation.translator_config",
}
__all__ = ["TASKS", "kind_of_model", "task_of", *_MODULES]
__getattr__, __dir__ = lazy_names(__name__, _MODULES)


def task_of(kind, what="This", expected=None):
    """The `Task` of a kind.

    Args:
        kind: a key of `TASKS`.
        what: what is of this kind, for the message.
        expected: the one kind that is wanted; None takes any.

    Raises:
        InputError: if there is no such task, or another one is expected.

    >>> task_of("translator").method
    'translate'
    """
    wanted = tuple(TASKS) if expected is None else (expected,)
    if kind not in wanted:
        names = " or ".join(map(with_article, wanted))
        raise InputError(f"{what} of another kind: {kind!r}, not {names}.")
    return importlib.import_module(f"keras_attention.tasks.{TASKS[kind]}.task").TASK


def kind_of_model(model):
    """The kind that a Keras model's class says it is of; None where it says none."""
    return getattr(type(model), "task_kind", None)
