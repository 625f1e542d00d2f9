"""The command `keras-attention`: every path goes through the Python API."""

import argparse
import os
import sys
import traceback
import warnings

from keras_attention.cli import classify, evaluate, export, inspect, launch, plot, train, translate

COMMANDS = (train, translate, classify, evaluate, export, inspect, plot, launch)


def make_parser():
    """The parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="keras-attention",
        description="Train translators and classifiers; deploy as SavedModel, TFLite and ONNX.",
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", help="show the traceback of an error")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_parser(subparsers, common)
    return parser


def hide_native_notes():
    """Keeps standard error for what the command itself says.

    TensorFlow, SentencePiece and XNNPACK write notes from native code at any log level. Python's
    `sys.stderr` keeps the real standard error; file descriptor 2 leads nowhere.
    """
    sys.stderr.flush()
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def leave_at_once(status):
    """Ends the process: with a worker gone, TensorFlow's own end waits for it, or aborts."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _show_warning(message, category, filename, lineno, file=None, line=None):
    print(f"warning: {message}", file=sys.stderr)


def main(arguments=None):
    """Runs one command; returns the exit status: 0, or 2 on bad input, or 1 on any other error."""
    options = make_parser().parse_args(arguments)
    try:
        warnings.simplefilter("ignore")
        warnings.filterwarnings("always", category=UserWarning, module=r"keras_attention\.")
        warnings.showwarning = _show_warning
        return options.run(options) or 0
    except KeyboardInterrupt:
        print("keras-attention: stopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if options.debug:
            traceback.print_exc()
        print(f"keras-attention: {error}", file=sys.stderr)
        status = getattr(error, "exit_status", None)
        if status == launch.LOST:
            leave_at_once(status)
        if status is not None:
            return status
        return 2 if isinstance(error, (ValueError, ImportError, OSError)) else 1


def console():
    """What the installed command runs."""
    if "--debug" not in sys.argv:
        hide_native_notes()
    sys.exit(main())


if __name__ == "__main__":
    console()
