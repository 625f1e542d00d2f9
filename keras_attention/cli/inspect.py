"""`keras-attention inspect`: what a run, an artifact or a published directory holds."""

from keras_attention.cli.options import CUSTOM, add_options, custom_objects
from keras_attention.cli.streams import emit


def add_parser(subparsers, common, help, arguments):
    """Adds the command and its options."""
    parser = subparsers.add_parser(
        "inspect",
        parents=[common],
        help=help,
        description="Of a run or an artifact it names files that are missing, changed or "
        "truncated, and ends with status 2. Of a published (HuggingFace) directory it says what "
        "it holds.",
    )
    parser.add_argument("path", metavar="RUN|ARTIFACT|DIR")
    add_options(parser, [CUSTOM])
    parser.set_defaults(run=run)


def run(options):
    """Inspects."""
    from keras_attention.tasks.describe import describe

    emit(describe(options.path, custom_objects(options)) + "\n")
