"""`keras-attention translate`: one line in, one line out, or with `--n-best N` N lines."""

from keras_attention._validation import InputError
from keras_attention.cli.options import (
    MODEL_OPTIONS,
    TEXT_OPTIONS,
    add_options,
    custom_objects,
    given,
    read_input,
    require_output,
    say_unknown,
    write_output,
)
from keras_attention.tasks.decoding_options import N_BEST, SAMPLING_OPTIONS, SEED
from keras_attention.tasks.option import Option
from keras_attention.tasks.translation.options import (
    DECODING_NAMES,
    SEARCH_OPTIONS,
    SHORTLIST,
)

OPTIONS = (
    *MODEL_OPTIONS,
    *SEARCH_OPTIONS,
    SHORTLIST,
    N_BEST,
    *SAMPLING_OPTIONS,
    SEED,
    *TEXT_OPTIONS,
    Option("scores", "score, a tab, then the translation, on each line", bool, const=True),
)


def add_parser(subparsers, common, help, arguments):
    """Adds the command and its options."""
    parser = subparsers.add_parser(
        "translate",
        parents=[common],
        help=help,
        description="Reads standard input and writes standard output unless files are given.",
    )
    add_options(parser, OPTIONS)
    parser.set_defaults(run=run)


def run(options):
    """Translates."""
    from keras_attention.tasks.load import load

    require_output(options)
    lines = read_input(options.input)
    translator = load(
        options.model,
        options.runtime,
        custom_objects(options),
        seed=options.seed,
        kind="translator",
        **given(options, DECODING_NAMES),
    )
    if options.scores and not translator.has_scores:
        raise InputError(f"{options.model} gives no scores: it was exported without them.")
    text = "".join(
        f"{score:.4f}\t{text}\n" if options.scores else f"{text}\n"
        for hypotheses in translator.translate_n_best(lines)
        for text, score in pad(hypotheses, options.n_best or 1)
    )
    write_output(options, text.encode())
    say_unknown(translator)


def pad(hypotheses, count):
    """The first `count` hypotheses, filled up with empty ones: every line gives as many."""
    return [*hypotheses, *[("", 0.0)] * count][:count]
