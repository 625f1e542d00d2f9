"""`keras-attention train translator`."""

from keras_attention.cli.run_options import add_run_options, distributed, given_options
from keras_attention.cli.search import NAMES, add_search_options, search_options
from keras_attention.cli.window import add_window

SHARDS = "one sentence a line; .gz is read too; several files as a directory or a pattern"


def add_parser(kinds, common):
    """Adds the command and its options."""
    translator = kinds.add_parser(
        "translator",
        parents=[common],
        help="a translator, from parallel files or the built-in corpus",
        description="Without files, the built-in corpus of English and German phrases is used.",
    )
    add = translator.add_argument
    for part in ("train", "valid"):
        for side in ("source", "target"):
            add(f"--{part}-{side}", metavar="F", help=SHARDS)
    add_window(add)
    add("--architecture", default="transformer", help="transformer (default) or rnn")
    add(
        "--preset",
        metavar="NAME",
        help="transformer: tiny (default), base, big; "
        "rnn: small (default), small-fixed, rnnencdec, rnnsearch, gnmt",
    )
    add("--epochs", type=int, metavar="N")
    add("--vocabulary-size", type=int, metavar="N", help="tokens in the shared vocabulary")
    add("--vocabulary-type", choices=("bpe", "unigram"))
    add("--normalization", metavar="RULE", help="SentencePiece's; 'identity' for tokenised text")
    add("--batch-tokens", type=int, metavar="N", help="padded tokens of a batch, on each side")
    add("--initial-weights", metavar="RUN", help="start from the weights of this run")
    add("--learning-rate", type=float, metavar="X", help="the highest")
    add("--schedule", choices=("linear", "noam"))
    add("--warmup-steps", type=int, metavar="N")
    add("--clip-norm", type=float, metavar="X", help="limit on the norm of all gradients together")
    add("--dropout", type=float, metavar="X")
    add("--label-smoothing", type=float, metavar="X")
    add("--average-checkpoints", type=int, metavar="N", help="epochs averaged at the end")
    add("--bleu-tokenize", metavar="NAME", help="sacrebleu's tokenizer for validation: 13a, none")
    add_search_options(
        translator.add_argument_group("how the trained model translates, unless told otherwise")
    )
    add_run_options(add)
    translator.set_defaults(run=run)


def run(options):
    """Trains."""
    from keras_attention.tasks.translation import train_translator
    from keras_attention.tasks.translation.translator_config import TranslatorConfig

    values = given_options(options, NAMES)
    config = TranslatorConfig.for_preset(**values, decoding=search_options(options))
    with distributed(options):
        train_translator(
            config, options.output, resume=options.resume, force=options.force, quiet=options.quiet
        )
