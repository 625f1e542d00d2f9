"""The options of language models, as data."""

from keras_attention.tasks.decoding_options import (
    BEAM_SIZE,
    LENGTH_PENALTY,
    MAX_LENGTH,
    MIN_LENGTH,
    N_BEST,
    REPETITION_PENALTY,
    SAMPLING_OPTIONS,
    SINGLE_LOOP,
)
from keras_attention.tasks.encoder_options import VALID
from keras_attention.tasks.language_model.language_model_config import TOKENIZERS
from keras_attention.tasks.option import Option

SEARCH_OPTIONS = (BEAM_SIZE, LENGTH_PENALTY, MIN_LENGTH, REPETITION_PENALTY)
STOP = Option(
    "stop",
    "a text ends before this; may be given several times (default: the run's)",
    metavar="S",
    repeated=True,
    is_text=True,
)
# The names under which `load` and `export` take what says how to decode.
DECODING_NAMES = tuple(
    option.name for option in (*SEARCH_OPTIONS, MAX_LENGTH, N_BEST, *SAMPLING_OPTIONS, STOP)
)

_FILES = ".txt: one document; .jsonl, .csv, .tsv: one a row; several as a directory or a pattern"

TRAIN_OPTIONS = (
    Option("train", f"texts; {_FILES}; .gz is read too", metavar="F"),
    Option(
        "valid",
        "validation texts (default: the last tenth of one document, a fiftieth of several)",
        metavar="F",
    ),
    Option("text_column", "column of the texts, in a table (default: text)", metavar="NAME"),
    Option(
        "preset",
        "nano, tiny, gpt2, gpt2-medium, ..., gpt3-small, ..., llama-tiny, smollm2-135m (default: "
        "nano)",
        metavar="NAME",
    ),
    Option(
        "initial_weights",
        "begin with the weights of this run or published directory (default: random ones)",
        metavar="DIR",
    ),
    Option(
        "tokenizer",
        "what a token is; bpe is learned from the texts (default: bpe, of nano characters)",
        choices=TOKENIZERS,
    ),
    Option("vocabulary_size", "tokens of bpe (default: 8000)", int, metavar="N"),
    Option(
        "max_sequence_length",
        "tokens of a window (default: 256, of nano 64)",
        int,
        spelling="context",
        metavar="N",
    ),
    Option("batch_size", "windows of a batch", int, metavar="N"),
    Option("epochs", "passes over the texts", int, metavar="N"),
    Option("steps", "updates, in the place of epochs", int, metavar="N"),
    Option("learning_rate", "the highest learning rate", float, metavar="X"),
    Option("warmup_steps", "updates of the warm-up (default: 100)", int, metavar="N"),
    Option("weight_decay", "of all matrices (default: 0.1)", float, metavar="X"),
    Option("clip_norm", "limit on the norm of all gradients together", float, metavar="X"),
    Option("dropout", "dropout rate (default: the preset's)", float, metavar="X"),
    Option(
        "sample_prompt",
        "what the samples go on with that are shown after each validation (default: how a "
        "validation text begins)",
        metavar="TEXT",
        is_text=True,
    ),
)

EXPORT_OPTIONS = (
    *SEARCH_OPTIONS,
    MAX_LENGTH,
    N_BEST,
    *SAMPLING_OPTIONS,  # without a seed, which is an input of what is exported
    STOP,
    SINGLE_LOOP,
    Option(
        "cache_length",
        "tokens that the caches of prefill and decode have room for, where their shapes are fixed "
        "(default: the context, at most 1024)",
        int,
        metavar="N",
    ),
    VALID,
)

EVALUATE_OPTIONS = (
    Option("data", f"texts; {_FILES}; .gz is read too", metavar="F", required=True),
    Option(
        "text_column",
        "column of the texts, in a table (default: text)",
        metavar="NAME",
        default="text",
    ),
    Option(
        "max_sequence_length",
        "tokens of a window (default: all that the model reads)",
        int,
        spelling="context",
        metavar="N",
    ),
)
