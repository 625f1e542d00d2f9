"""SIGINT and SIGTERM while a command is being imported: a sentence, no traceback."""

import os
import sys

# The commands, by the module or the script that Python was told to run, and their names.
_MODULES = {"keras_attention.cli.main": "keras-attention", "keras_attention.cli.demo": "demo"}
_SCRIPTS = ("keras-attention", "keras-attention.exe")


def leave_at_first_signals():
    """Until the command handles signals itself they end it with the sentence that it would say.

    Nothing happens where another program imports the package.
    """
    program = _command(getattr(sys, "argv", []), sys.orig_argv)
    if program is None:
        return
    import signal  # here: who imports the package needs it not

    def leave(number, frame):
        if sys.stderr is not None:
            os.write(2, f"{program}: stopped by {signal.Signals(number).name}.\n".encode())
        os._exit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, leave)


def _command(argv, orig_argv):
    """The name of the command that this process is; None of another program.

    Args:
        argv: `sys.argv`, which is ["-m", ...] while a module to be run is looked for.
        orig_argv: what Python itself was given.
    """
    if argv[:1] == ["-m"] and "-m" in orig_argv[:-1]:
        return _MODULES.get(orig_argv[orig_argv.index("-m") + 1])
    if argv and os.path.basename(argv[0]) in _SCRIPTS:
        return "keras-attention"
    return None
