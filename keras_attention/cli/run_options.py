"""The options that every training takes."""

import contextlib

NOT_CONFIG = {"command", "kind", "run", "debug", "output", "resume", "distribute", "force", "quiet"}


def distributed(options):
    """The block in which a training runs on the devices that the options ask for."""
    if options.distribute == "none":
        return contextlib.nullcontext()
    from keras_attention.training.distribution import make_strategy

    return make_strategy(options.distribute).scope()


def add_run_options(add):
    """Adds them by `add`, the `add_argument` of a parser."""
    add("--output", required=True, metavar="RUN", help="the run directory to make")
    add("--jit", dest="jit_compile", choices=("yes", "no"), help="compile with XLA (default: no)")
    add("--seed", type=int, metavar="N")
    add("--resume", action="store_true", help="go on from the last snapshot, if there is one")
    add("--snapshot-every", type=int, metavar="STEPS", help="beside one at the end of an epoch")
    add(
        "--distribute",
        choices=("none", "mirrored", "multi-worker"),
        default="none",
        help="over the GPUs of this machine, or of those that TF_CONFIG lists (default: none)",
    )
    add("--force", action="store_true", help="overwrite an existing run")
    add("--quiet", action="store_true")


def add_encoder_options(add):
    """Adds those of the trainings of encoders."""
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
    add("--dropout", type=float, metavar="X")
    add("--learning-rate", type=float, metavar="X", help="the highest")
    add("--warmup-share", type=float, metavar="X", help="of all updates")
    add("--weight-decay", type=float, metavar="X")
    add("--clip-norm", type=float, metavar="X", help="limit on the norm of all gradients together")


def given_options(options, left_out=()):
    """The fields of a config, as given: a dict; what was not given is None."""
    others = {*NOT_CONFIG, *left_out}
    values = {name: value for name, value in vars(options).items() if name not in others}
    if values["jit_compile"] is not None:
        values["jit_compile"] = values["jit_compile"] == "yes"
    return values
