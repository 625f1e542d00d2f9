"""The options of classifiers, as data."""

from keras_attention.problem_types import PROBLEM_TYPES
from keras_attention.tasks.encoder_options import (
    DISTILLATION_OPTIONS,
    ENCODER_OPTIONS,
    FAMILY,
    FINE_TUNING_RATE,
    INITIAL_WEIGHTS,
    VALID,
)
from keras_attention.tasks.option import Option

_PAIRS = "of the second texts, where pairs are classified"

TRAIN_OPTIONS = (
    Option("train", "labelled texts", metavar="F"),
    Option("valid", "validation texts (default: a tenth of the training texts)", metavar="F"),
    Option("text_column", "column of the texts (default: text)", metavar="NAME"),
    Option("label_column", "column of the labels (default: label)", metavar="NAME"),
    Option("pair_column", _PAIRS, metavar="NAME"),
    Option(
        "problem_type",
        "one label a text, several with | between them, or a number (default: one a text)",
        choices=PROBLEM_TYPES,
    ),
    INITIAL_WEIGHTS,
    Option(
        "preset",
        "of random weights: lesson, which is of no family, or one of a family: tiny, mini, small, "
        "medium, base; of bert and bigbird also large (default: lesson; where a family is given, "
        "its first)",
        metavar="NAME",
    ),
    FAMILY,
    *DISTILLATION_OPTIONS,
    *ENCODER_OPTIONS,
    FINE_TUNING_RATE,
    Option(
        "pooling",
        "pooled, mean or cls (default: what the initial weights declare, else that of the family's "
        "published classifiers: pooled of bert, cls of distilbert and bigbird; mean of weights "
        "without a pooler)",
        metavar="NAME",
    ),
    Option("freeze_encoder", "train the head alone", bool, const=True),
    Option("layer_decay", "factor on the learning rate of each lower block", float, metavar="X"),
    Option("class_weights", "none or balanced (default: none)", metavar="NAME"),
    Option(
        "patience",
        "stop after N epochs without a better one",
        int,
        spelling="early-stopping",
        metavar="N",
    ),
)

EXPORT_OPTIONS = (VALID,)

EVALUATE_OPTIONS = (
    Option(
        "data",
        "labelled texts: .csv, .tsv, .jsonl; .gz; several labels with | between them",
        metavar="F",
        required=True,
    ),
    Option("text_column", "column of the texts (default: text)", metavar="NAME", default="text"),
    Option(
        "label_column", "column of the labels (default: label)", metavar="NAME", default="label"
    ),
    Option("pair_column", _PAIRS, metavar="NAME"),
    Option("confusion", "also draw the confusion matrix", metavar="F.png"),
    Option("force", "overwrite an existing picture", bool, const=True),
)
