"""`keras-attention import`: from a published directory, or a short encoder, to a run."""

from keras_attention._validation import printable
from keras_attention.cli.options import add_options
from keras_attention.tasks import TASKS, task_of
from keras_attention.tasks.option import Option

OPTIONS = (
    Option("output", "the run directory to make", metavar="RUN", required=True),
    Option(
        "task",
        "what the run is for (default: what config.json or modules.json says)",
        choices=tuple(kind for kind in TASKS if task_of(kind).imports),
    ),
    Option(
        "family",
        "make a long encoder of that family of a BERT, a published one or a run's",
        choices=("bigbird",),
    ),
    Option("positions", "of the long encoder, in tokens (default: 4096)", int, metavar="N"),
    Option("force", "overwrite an existing run", bool, const=True),
    Option("quiet", "print nothing", bool, const=True),
)


def add_parser(subparsers, common, help, arguments):
    """Adds the command and its options."""
    parser = subparsers.add_parser(
        "import",
        parents=[common],
        help=help,
        description="The directory holds config.json, model.safetensors and the tokenizer's files. "
        "`export`, `inspect` and --initial-weights take the run, and so do `classify`, `embed`, "
        "`generate` and `evaluate` where the checkpoint has the head. With --family it may be a "
        "run too.",
    )
    parser.add_argument(
        "directory", metavar="DIR", help="a published directory, or with --family a run"
    )
    add_options(parser, OPTIONS)
    parser.set_defaults(run=run)


def run(options):
    """Imports."""
    from keras_attention.tasks.import_checkpoint import import_checkpoint

    import_checkpoint(
        options.directory,
        options.output,
        options.task,
        bool(options.force),
        options.family,
        options.positions,
    )
    if not options.quiet:
        print(printable(f"The run is in {options.output}."))
