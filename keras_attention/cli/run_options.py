"""The options that every training takes."""

NOT_CONFIG = {"command", "kind", "run", "debug", "output", "resume", "distribute", "force", "quiet"}


def add_run_options(add):
    """Adds them by `add`, the `add_argument` of a parser."""
    add("--output", required=True, metavar="RUN", help="the run directory to make")
    add("--jit", dest="jit_compile", choices=("yes", "no"), help="compile with XLA (default: no)")
    add("--seed", type=int, metavar="N")
    add("--resume", action="store_true", help="go on from the last snapshot, if there is one")
    add("--snapshot-every", type=int, metavar="STEPS", help="beside one at the end of an epoch")
    add("--distribute", choices=("none",), default="none")
    add("--force", action="store_true", help="overwrite an existing run")
    add("--quiet", action="store_true")


def given_options(options, left_out=()):
    """The fields of a config, as given: a dict; what was not given is None."""
    others = {*NOT_CONFIG, *left_out}
    values = {name: value for name, value in vars(options).items() if name not in others}
    if values["jit_compile"] is not None:
        values["jit_compile"] = values["jit_compile"] == "yes"
    return values
