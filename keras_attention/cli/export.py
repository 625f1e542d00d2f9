"""`keras-attention export`: from a run directory to an artifact."""

from keras_attention.artifacts.formats import FORMATS, ON_REQUEST
from keras_attention.artifacts.quantization import PRECISIONS
from keras_attention.cli.options import (
    CUSTOM,
    READING_OPTIONS,
    add_options,
    custom_objects,
    given,
)
from keras_attention.cli.progress import Progress
from keras_attention.tasks import TASKS, task_of
from keras_attention.tasks.option import Option

OPTIONS = (
    Option("model", metavar="RUN", required=True),
    Option("output", metavar="ARTIFACT", required=True),
    Option(
        "formats",
        f"separated by commas (default: {','.join(FORMATS)}); of language models also "
        f"{','.join(ON_REQUEST)}",
        default=",".join(FORMATS),
    ),
    Option(
        "precision",
        "in which formats that have precisions store the weights (default: float32)",
        choices=PRECISIONS,
        default=PRECISIONS[0],
    ),
    Option(
        "allow_loss",
        "BLEU that it may lose (default: 0.05 as float16, 0.3 as int8), points of accuracy "
        "(default: 0.1, 0.5), of sentence vectors hundredths of Spearman's correlation (default: "
        "0.1, 1), or of a language model nats a token (default: 0.01, 0.1)",
        float,
        metavar="X",
    ),
    CUSTOM,
    Option("force", "overwrite an existing artifact", bool, const=True),
    Option("quiet", "print nothing", bool, const=True),
)


def add_parser(subparsers, common, help, arguments):
    """Adds the command and its options: its own, and those of every task."""
    parser = subparsers.add_parser("export", parents=[common], help=help)
    add_options(parser, OPTIONS)
    add_options(parser, (*_task_options().values(), *READING_OPTIONS))
    parser.set_defaults(run=run)


def _task_options():
    """The options of all tasks by their names; what a run holds decides which of them fit.

    Raises:
        ValueError: if two tasks mean different things by one name, of which the help shows one.
    """
    found = {}
    for kind in TASKS:
        for option in task_of(kind).export_options:
            if found.setdefault(option.name, option) != option:
                raise ValueError(
                    f"`export_options` must be the same where tasks share a name. Received: "
                    f"{option.name} of {kind}, {option}, which is not {found[option.name]}"
                )
    return found


def run(options):
    """Exports."""
    with Progress(options.quiet) as say:
        _export(options, say)


def _export(options, say):
    from keras_attention.tasks.export import export

    values = given(options, _task_options())
    decoding = {name for kind in TASKS for name in task_of(kind).decoding_names}
    search = {name: values.pop(name) for name in decoding & values.keys()}
    export(
        options.model,
        options.output,
        formats=tuple(name for name in options.formats.split(",") if name),
        precision=options.precision,
        allow_loss=options.allow_loss,
        force=bool(options.force),
        say=say,
        search=search,
        custom_objects=custom_objects(options),
        **values,
    )
    say(f"The artifact is in {options.output}.")
