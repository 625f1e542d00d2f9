"""`keras-attention inspect`: what an artifact holds, and whether it is whole."""


def add_parser(subparsers, common):
    """Adds the command and its options."""
    parser = subparsers.add_parser(
        "inspect",
        parents=[common],
        help="show what an artifact holds and verify its files",
        description="Ends with status 2, naming them, if files are missing, changed or truncated.",
    )
    parser.add_argument("artifact", metavar="ARTIFACT")
    parser.set_defaults(run=run)


def run(options):
    """Inspects."""
    from keras_attention.artifacts.describe_artifact import describe_artifact

    print(describe_artifact(options.artifact))
