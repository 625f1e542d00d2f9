"""The options of sentence vectors, as data."""

from keras_attention.tasks.encoder_options import (
    ENCODER_OPTIONS,
    FAMILY,
    FINE_TUNING_RATE,
    INITIAL_WEIGHTS,
    VALID,
)
from keras_attention.tasks.option import Option

_COLUMNS = (
    Option("text_column", "column of the first texts (default: the first column)", metavar="NAME"),
    Option("pair_column", "column of the second texts (default: the next one)", metavar="NAME"),
)

TRAIN_OPTIONS = (
    Option("train", "pairs of texts that belong together", metavar="F"),
    Option("valid", "validation pairs (default: a tenth of the training pairs)", metavar="F"),
    *_COLUMNS,
    INITIAL_WEIGHTS,
    Option(
        "preset",
        "of random weights: tiny, mini, small, medium, base, large (default: tiny)",
        metavar="NAME",
    ),
    FAMILY,
    *ENCODER_OPTIONS,
    FINE_TUNING_RATE,
    Option(
        "pooling",
        "mean, cls or max (default: that of the initial weights, else mean)",
        metavar="NAME",
    ),
    Option(
        "scale", "factor on the cosine similarity in the loss (default: 20)", float, metavar="X"
    ),
    Option(
        "symmetric", "tell the first texts of a batch apart too, by the second", bool, const=True
    ),
)

EXPORT_OPTIONS = (VALID,)

EVALUATE_OPTIONS = (
    Option(
        "data",
        "two texts a row, and perhaps a score: .csv, .tsv or .jsonl; .gz is read too",
        metavar="F",
        required=True,
    ),
    *_COLUMNS,
    Option(
        "score_column", "column of the scores (default: score, if there is one)", metavar="NAME"
    ),
)
