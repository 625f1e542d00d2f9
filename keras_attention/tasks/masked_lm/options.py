"""The options of masked-LM pretraining, as data."""

from keras_attention.tasks.encoder_options import ENCODER_OPTIONS, INITIAL_WEIGHTS
from keras_attention.tasks.option import Option

TRAIN_OPTIONS = (
    Option("train", "texts: one a line, or a table", metavar="F", required=True),
    Option("valid", "a fiftieth of the training texts by default", metavar="F"),
    Option("text_column", "of a table; text by default", metavar="NAME"),
    Option(
        "window",
        "hold N rows of the training files in memory, and the next N (default: all)",
        int,
        metavar="N",
    ),
    Option("preset", "tiny (default), mini, small, medium, base, large", metavar="NAME"),
    INITIAL_WEIGHTS,
    *ENCODER_OPTIONS,
    Option("masked_share", "of the tokens; 0.15 by default", float, metavar="X"),
    Option(
        "whole_words",
        "mask pieces of words, not whole words",
        bool,
        spelling="single-pieces",
        const=False,
    ),
)

EVALUATE_OPTIONS = (
    Option("data", "texts: one a line, or a table; .gz", metavar="F", required=True),
    Option("text_column", "of a table; text by default", metavar="NAME", default="text"),
    Option("masked_share", "of the tokens", float, metavar="X", default=0.15),
    Option(
        "whole_words",
        "mask pieces of words, not whole words",
        bool,
        spelling="single-pieces",
        const=False,
        default=True,
    ),
    Option("mask_seed", "of the choice of tokens", int, spelling="seed", metavar="N", default=0),
)
