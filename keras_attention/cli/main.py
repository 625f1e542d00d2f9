"""The command `keras-attention`: every path goes through the Python API."""

import argparse
import contextlib
import gc
import importlib
import os
import signal
import sys
import traceback
import warnings

from keras_attention._validation import missing_package, one_line, printable
from keras_attention.cli.last_words import leave_last_words, say_goodbye
from keras_attention.cli.options import READING_OPTIONS, given, spelled
from keras_attention.cli.signals import leave_at_signals, run_until_signal
from keras_attention.cli.streams import emit, open_streams, over
from keras_attention.version import __version__

# A command -> its module in this package, which is imported when the command is run, and its help.
COMMANDS = {
    "train": ("train", "train a model to a run directory"),
    "import": ("import_checkpoint", "make a run of a published (HuggingFace) directory"),
    "translate": ("translate", "translate lines of text"),
    "classify": ("classify", "classify lines of text"),
    "embed": ("embed", "give lines of text vectors"),
    "generate": ("generate", "go on with texts"),
    "evaluate": ("evaluate", "measure a model"),
    "export": ("export", "write the formats of a run that other programs load, such as ONNX"),
    "inspect": ("inspect", "show what a run, an artifact or a published directory holds"),
    "plot": ("plot", "draw a picture of a model, or of several"),
    "launch": ("launch", "train with several workers on this machine"),
}
_NO_MEMORY = "failed to map segment from shared object"  # as the dynamic linker has it
WORKER_LOST = 75  # exit status of who misses another worker


class Parser(argparse.ArgumentParser):
    """One whose help and version are answers: they are written whole, or the command fails."""

    def _print_message(self, message, file=None):
        if message and file is sys.stdout:
            emit(message)
        else:
            super()._print_message(message, file)


def make_parser(arguments=()):
    """The parser of the command line.

    Args:
        arguments: those to be parsed; only the command that they begin with has its options.
    """
    parser = Parser(
        prog="keras-attention",
        description="Train translators, classifiers, sentence vectors and language models, masked "
        "or not, or import published ones; export them, whole generation included.",
    )
    parser.add_argument("--version", action="version", version=f"keras-attention {__version__}")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", help="show the traceback of an error")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command, (module, help) in COMMANDS.items():
        if arguments and arguments[0] == command:
            command_module = importlib.import_module(f"keras_attention.cli.{module}")
            command_module.add_parser(subparsers, common, help, arguments[1:])
        else:
            subparsers.add_parser(command, help=help)
    return parser


def hide_native_notes():
    """Keeps standard error for what the command itself says.

    TensorFlow, SentencePiece and XNNPACK write notes from native code at any log level. Python's
    `sys.stderr` keeps the real standard error; file descriptor 2 leads nowhere.
    """
    sys.stderr.flush()
    sys.stderr = over(os.dup(2))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def leave_at_once(status):
    """Ends the process: with a worker gone, TensorFlow's own end waits for it, or aborts."""
    sys.stdout.flush()
    sys.stderr.flush()
    say_goodbye()
    os._exit(status)


def _show_warning(message, category, filename, lineno, file=None, line=None):
    print(f"warning: {printable(spelled(str(message)))}", file=sys.stderr)


def message(error):
    """An error's message, never empty; of one that is not of this package in one line, without
    colours.

    Keras explains an error in a user's layer by several lines with escapes for a terminal.
    """
    if isinstance(error, MemoryError):
        return f"not enough memory{f': {one_line(error)}' if str(error) else ''}."
    if isinstance(error, ImportError) and _NO_MEMORY in str(error):
        return f"not enough memory: {one_line(error)}."
    if not str(error).strip():
        return f"{type(error).__name__}, of which nothing more is known; --debug shows where."
    if type(error).__module__.startswith("keras_attention."):
        return str(error)
    package = error.name if isinstance(error, ModuleNotFoundError) else None
    if package and not package.startswith("keras_attention"):
        return str(missing_package(package.partition(".")[0]))
    return one_line(error, longest=1000)


@contextlib.contextmanager
def _reading(options):
    """The block in which files of texts are read as the options say; then says what was skipped."""
    from keras_attention.text.corpora.reading_options import reading_as

    with reading_as(**given(options, [option.name for option in READING_OPTIONS])) as reading:
        try:
            yield
            if reading.delimiter is not None and not reading.has_separated:
                said = "`delimiter` changed nothing: no .csv or .tsv file was read."
                _show_warning(said, None, None, None)
        finally:
            if reading.count:
                _show_warning(reading.summary, None, None, None)


def main(arguments=None):
    """Runs one command; returns the exit status: 0, or 2 on bad input, or 1 on any other error."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        options = make_parser(arguments).parse_args(arguments)
        warnings.simplefilter("ignore")
        warnings.filterwarnings("always", category=UserWarning, module=r"keras_attention\.")
        warnings.showwarning = _show_warning
        with _reading(options):
            return options.run(options) or 0
    except KeyboardInterrupt as error:
        print(f"keras-attention: {error or 'stopped.'}", file=sys.stderr)
        return getattr(error, "exit_status", 128 + signal.SIGINT)
    except Exception as error:
        if "--debug" in arguments:
            traceback.print_exc()
        print(f"keras-attention: {printable(spelled(message(error)))}", file=sys.stderr)
        status = getattr(error, "exit_status", None)
        if status == WORKER_LOST:
            leave_at_once(status)
        if status is not None:
            return status
        return 2 if isinstance(error, (ValueError, ImportError, OSError)) else 1


def console():
    """What the installed command runs."""
    # A graph is made of millions of objects that stay: looking for garbage among them takes a tenth
    # of an export's time.
    gc.set_threshold(100_000, 20, 20)
    leave_at_signals()
    open_streams()
    if "--debug" not in sys.argv:
        leave_last_words()
        hide_native_notes()
    sys.exit(run_until_signal(main))


if __name__ == "__main__":
    console()
