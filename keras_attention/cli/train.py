"""`keras-attention train translator|classifier|masked-lm`."""

from keras_attention.cli import train_classifier, train_masked_lm, train_translator


def add_parser(subparsers, common):
    """Adds the command and its kinds."""
    parser = subparsers.add_parser("train", help="train a model to a run directory")
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    for kind in (train_translator, train_classifier, train_masked_lm):
        kind.add_parser(kinds, common)
