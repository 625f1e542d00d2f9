"""The scores of a classifier on labelled texts."""

import dataclasses
import json
import time

from keras_attention._validation import InputError
from keras_attention.problem_types import SINGLE_LABEL
from keras_attention.tasks.classification.stated_problem_type import require_single_label


@dataclasses.dataclass
class Evaluation:
    """Texts with the labels of their file, as `ClassificationTask.read_evaluation` reads them."""

    texts: object  # LabelledTexts, whose labels are as the file has them
    label_column: str
    confusion: str | None
    force: bool


def evaluate(user, data):
    """The scores of a `TextClassifier` on an `Evaluation`: a dict of JSON values.

    Raises:
        InputError: if the labels are not those of the classifier, or pairs are not what it takes.
    """
    from keras_attention.text.corpora.label_values import (
        label_parser,
        label_targets,
        parse_labels,
    )
    from keras_attention.training.classification_scores import scores_of_answers

    texts, kind = data.texts, user.problem_type
    if data.confusion:
        require_single_label(kind, "`confusion` is a picture")
    if user.takes_pairs != (texts.pairs is not None):
        raise InputError(
            "The model classifies pairs: name the column of the second texts by `pair_column`."
            if user.takes_pairs
            else "The model classifies single texts, which `pair_column` does not concern."
        )
    texts = texts.sound((), data.label_column, label_parser(kind))
    labels = parse_labels(texts.labels, kind, texts.place, data.label_column)
    texts = dataclasses.replace(texts, labels=labels)
    targets = label_targets(texts, user.labels, kind)
    started = time.perf_counter()
    found = user.scores(texts.texts, texts.pairs)
    seconds = time.perf_counter() - started
    scores = scores_of_answers(kind, targets, found, user.labels)
    if data.confusion:
        from keras_attention.visualization import save_confusion_plot

        save_confusion_plot(scores["confusion"], user.labels, data.confusion, force=data.force)
    return {
        **scores,
        "texts": len(texts),
        "unknown_tokens": user.unknown.count,
        "seconds": seconds,
    }


def write_scores(directory, kind, targets, found, names):
    """Writes scores.json of a run, and confusion.png where each text has one label.

    Args:
        directory: of the run.
        kind: one of `keras_attention.problem_types.PROBLEM_TYPES`.
        targets, found, names: those of `scores_of_answers`.

    Returns:
        A clause on the scores.
    """
    from keras_attention.files import write_atomically
    from keras_attention.training.classification_scores import SUMMARY, scores_of_answers
    from keras_attention.visualization import save_confusion_plot

    scores = scores_of_answers(kind, targets, found, names)
    write_atomically(directory / "scores.json", json.dumps(scores, indent=2).encode())
    if kind == SINGLE_LABEL:
        save_confusion_plot(scores["confusion"], names, directory / "confusion.png", force=True)
    told = {name.replace("_f1", " F1").replace("_", " "): scores[name] for name in SUMMARY[kind]}
    return ", ".join(
        f"{name} undefined" if value is None else f"{name} {value:.4f}"
        for name, value in told.items()
    )
