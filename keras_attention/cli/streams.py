"""The three standard streams: always there, in no training's way, and never silently too short."""

import errno
import io
import os
import signal
import sys

from keras_attention._validation import InputError

STREAMS = ("stdin", "stdout", "stderr")
_closed = set()  # the names of those that whoever started the process had closed


class OutputLost(Exception):
    """Standard output could not be written whole.

    Attributes:
        exit_status: exit status of the command: of a reader that has gone as in shells.
    """

    def __init__(self, error):
        gone = error.errno == errno.EPIPE
        reason = "its reader has gone" if gone else error.strerror or "it is closed"
        super().__init__(f"standard output cannot be written: {reason}.")
        self.exit_status = 128 + signal.SIGPIPE if gone else 2


class Stream(io.TextIOWrapper):
    """A standard stream for progress and messages, whose loss ends nothing.

    Characters that its encoding lacks are written as escapes. After an error of writing, such as
    that of a pipe whose reader has gone, what is written goes nowhere. `emit` is for answers, which
    may not be lost.

    Attributes:
        error: the first error of writing, or None.
    """

    error = None

    def write(self, text):
        """As any stream's; never raises an `OSError`."""
        try:
            super().write(text)
        except OSError as error:
            self.lose(error)
        return len(text)

    def flush(self):
        """As any stream's; never raises an `OSError`."""
        try:
            super().flush()
        except OSError as error:
            self.lose(error)

    def lose(self, error):
        """From now on what is written goes nowhere."""
        self.error = self.error or error
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)
        super().flush()  # what was kept to be written


def open_streams():
    """Opens those standard streams that are closed, and makes all of them bear their loss.

    A closed one would be the next file that is opened: a message would be written into it.
    """
    for descriptor, name in enumerate(STREAMS):
        try:
            os.fstat(descriptor)
        except OSError:
            _closed.add(name)
            # What reads from a closed one fails, as it would have.
            nowhere = os.open(os.devnull, os.O_RDWR if descriptor else os.O_WRONLY)
            if nowhere != descriptor:
                os.dup2(nowhere, descriptor)
                os.close(nowhere)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)
    sys.stdout = sys.__stdout__ = _bearing(sys.stdout, 1)
    sys.stderr = sys.__stderr__ = _bearing(sys.stderr, 2)


def _bearing(stream, descriptor):
    """A `Stream` in the place of another one, which is not used any more."""
    if stream is None:
        return over(descriptor)
    options = {name: getattr(stream, name) for name in ("line_buffering", "write_through")}
    encoding = stream.encoding
    return Stream(stream.detach(), encoding, "backslashreplace", **options)


def over(descriptor):
    """A `Stream` that writes each line to a file descriptor at once."""
    file = open(descriptor, "wb", closefd=False)
    return Stream(file, "utf-8", "backslashreplace", line_buffering=True)


def emit(data):
    """Writes a command's answer, bytes or text, to standard output: all of it.

    Raises:
        OutputLost: if it is closed, its reader has gone, or its disk is full.
    """
    data = data.encode("utf-8", "backslashreplace") if isinstance(data, str) else data
    if "stdout" in _closed:
        raise OutputLost(OSError(errno.EBADF, "it is closed"))
    sys.stdout.flush()
    lost = getattr(sys.stdout, "error", None)
    if lost is not None:
        raise OutputLost(lost)
    try:
        rest = memoryview(data)
        while rest:  # without a buffer less may be written than is asked for
            rest = rest[sys.stdout.buffer.write(rest) :]
        sys.stdout.buffer.flush()
    except OSError as error:
        if isinstance(sys.stdout, Stream):
            sys.stdout.lose(error)
        raise OutputLost(error) from error


def require_standard_input():
    """Raises `InputError` if standard input is closed."""
    if "stdin" in _closed:
        raise InputError("standard input is closed; give `input`, the name of a file.")
