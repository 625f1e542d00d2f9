"""`keras-attention inspect`: what a run or an artifact holds, and whether it is whole."""

from keras_attention.cli.options import CUSTOM, add_options, custom_objects


def add_parser(subparsers, common, help, arguments):
    """Adds the command and its options."""
    parser = subparsers.add_parser(
        "inspect",
        parents=[common],
        help=help,
        description="Names files that are missing, changed or truncated; then the status is 2.",
    )
    parser.add_argument("path", metavar="RUN|ARTIFACT")
    add_options(parser, [CUSTOM])
    parser.set_defaults(run=run)


def run(options):
    """Inspects."""
    from keras_attention.tasks.describe import describe

    print(describe(options.path, custom_objects(options)))
