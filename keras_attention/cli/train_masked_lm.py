"""`keras-attention train masked-lm`."""

from keras_attention.cli.run_options import (
    add_encoder_options,
    add_run_options,
    distributed,
    given_options,
)
from keras_attention.cli.window import add_window


def add_parser(kinds, common):
    """Adds the command and its options."""
    masked_lm = kinds.add_parser(
        "masked-lm",
        parents=[common],
        help="an encoder, from texts without labels",
        description="Files are plain text, a text a line, or .csv, .tsv or .jsonl; optionally .gz; "
        "several are given as a directory or a pattern.",
    )
    add = masked_lm.add_argument
    add("--train", required=True, metavar="F")
    add("--valid", metavar="F", help="a fiftieth of the training texts by default")
    add("--text-column", metavar="NAME", help="of a table; text by default")
    add_window(add)
    add("--preset", metavar="NAME", help="tiny (default), mini, small, medium, base, large")
    add(
        "--initial-weights",
        metavar="DIR",
        help="begin with this run of masked-lm or HuggingFace directory",
    )
    add_encoder_options(add)
    add("--masked-share", type=float, metavar="X", help="of the tokens; 0.15 by default")
    add(
        "--single-pieces",
        dest="whole_words",
        action="store_const",
        const=False,
        help="mask pieces of words, not whole words",
    )
    add_run_options(add)
    masked_lm.set_defaults(run=run)


def run(options):
    """Trains."""
    from keras_attention.tasks.masked_lm import train_masked_lm
    from keras_attention.tasks.masked_lm.masked_lm_config import MaskedLMConfig

    config = MaskedLMConfig.for_preset(**given_options(options))
    with distributed(options):
        train_masked_lm(
            config, options.output, resume=options.resume, force=options.force, quiet=options.quiet
        )
