"""`keras-attention train classifier`."""

from keras_attention.cli.run_options import (
    add_encoder_options,
    add_run_options,
    distributed,
    given_options,
)


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
    add_encoder_options(add)
    add("--pooling", metavar="NAME", help="pooled (default) or mean")
    add("--freeze-encoder", action="store_true", default=None, help="train the head alone")
    add("--layer-decay", type=float, metavar="X", help="of the learning rate, from block to block")
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
    from keras_attention.tasks.classification import train_classifier
    from keras_attention.tasks.classification.classifier_config import ClassifierConfig

    config = ClassifierConfig.for_weights(**given_options(options))
    with distributed(options):
        train_classifier(
            config, options.output, resume=options.resume, force=options.force, quiet=options.quiet
        )
