"""The options of masked-LM pretraining, as data."""

from keras_attention.tasks.encoder_options import (
    DISTILLATION_OPTIONS,
    ENCODER_OPTIONS,
    FAMILY,
    INITIAL_WEIGHTS,
    LEARNING_RATE,
)
from keras_attention.tasks.option import Option

TRAIN_OPTIONS = (
    Option("train", "texts, one a line, or a table", metavar="F"),
    Option("valid", "validation texts (default: a fiftieth of the training texts)", metavar="F"),
    Option("text_column", "column of the texts, in a table (default: text)", metavar="NAME"),
    Option(
        "window",
        "rows in memory at a time, while the next N are read (default: all rows)",
        int,
        metavar="N",
    ),
    Option(
        "preset",
        "tiny, mini, small, medium, base; of BERT also large (default: tiny)",
        metavar="NAME",
    ),
    FAMILY,
    INITIAL_WEIGHTS,
    *DISTILLATION_OPTIONS,
    *ENCODER_OPTIONS,
    LEARNING_RATE,
    Option(
        "masked_share", "share of the tokens that are masked (default: 0.15)", float, metavar="X"
    ),
    Option(
        "whole_words",
        "mask pieces of words, not whole words",
        bool,
        spelling="single-pieces",
        const=False,
    ),
)

EVALUATE_OPTIONS = (
    Option("data", "texts, one a line, or a table; .gz is read too", metavar="F", required=True),
    Option(
        "text_column",
        "column of the texts, in a table (default: text)",
        metavar="NAME",
        default="text",
    ),
    Option(
        "masked_share",
        "share of the tokens that are masked (default: 0.15)",
        float,
        metavar="X",
        default=0.15,
    ),
    Option(
        "whole_words",
        "mask pieces of words, not whole words",
        bool,
        spelling="single-pieces",
        const=False,
        default=True,
    ),
    Option(
        "mask_seed",
        "which tokens are masked (default: 0)",
        int,
        spelling="seed",
        metavar="N",
        default=0,
    ),
)
