"""`keras-attention train classifier`."""

from keras_attention.cli.run_options import add_run_options, given_options


def add_parser(kinds, common):
    """Adds the command and its options."""
    classifier = kinds.add_parser(
        "classifier",
        parents=[common],
        help="a classifier of texts, or of pairs of texts, from labelled ones",
        description="Files are .csv, .tsv or .jsonl, optionally .gz.",
    )
    add = classifier.add_argument
    add("--train", required=True, metavar="F", help="labelled texts")
    add("--valid", metavar="F", help="a tenth of the training texts by default")
    add("--text-column", metavar="NAME", help="text by default")
    add("--label-column", metavar="NAME", help="label by default")
    add("--pair-column", metavar="NAME", help="of the second texts, where pairs are classified")
    add(
        "--initial-weights",
        metavar="DIR",
        help="begin with this run (of masked-lm or classifier) or HuggingFace directory",
    )
    add(
        "--preset",
        metavar="NAME",
        help="of random weights: lesson (default), tiny, mini, small, medium, base, large",
    )
    add("--epochs", type=int, metavar="N")
    add("--vocabulary-size", type=int, metavar="N", help="for random weights")
    add(
        "--cased",
        dest="lowercase",
        action="store_const",
        const=False,
        help="tell upper and lower case apart; for random weights",
    )
    add("--max-length", dest="max_sequence_length", type=int, metavar="N", help="tokens of a text")
    add("--batch-size", type=int, metavar="N")
    add("--pooling", metavar="NAME", help="pooled (default) or mean")
    add("--dropout", type=float, metavar="X")
    add("--freeze-encoder", action="store_true", default=None, help="train the head alone")
    add("--learning-rate", type=float, metavar="X", help="the highest")
    add("--warmup-share", type=float, metavar="X", help="of all updates")
    add("--weight-decay", type=float, metavar="X")
    add("--layer-decay", type=float, metavar="X", help="of the learning rate, from block to block")
    add("--clip-norm", type=float, metavar="X", help="limit on the norm of all gradients together")
    add("--class-weights", metavar="NAME", help="none (default) or balanced")
    add(
        "--early-stopping",
        dest="patience",
        type=int,
        metavar="N",
        help="stop after N epochs without a better one",
    )
    add_run_options(add)
    classifier.set_defaults(run=run)


def run(options):
    """Trains."""
    from keras_attention.recipes import ClassifierConfig, train_classifier

    config = ClassifierConfig.for_weights(**given_options(options))
    train_classifier(
        config, options.output, resume=options.resume, force=options.force, quiet=options.quiet
    )
