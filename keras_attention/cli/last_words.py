"""A sentence for who ends without one: native code that finds no memory ends the process."""

import atexit
import contextlib
import os
import signal

GOODBYE = b"."
SAID = (
    "ended without a word of its own, most often because there is not enough memory. --debug shows "
    "what its libraries wrote."
)
_writer = None


def leave_last_words(program="keras-attention"):
    """From now on a sentence on standard error tells of an end that no Python code has seen.

    TensorFlow, NumPy and the dynamic linker abort or exit where memory is short, and write their
    reasons where `hide_native_notes` lets nobody read them. So a process that does nothing else
    waits for the end of this one. It holds neither standard input nor standard output.
    """
    global _writer
    if not hasattr(os, "fork") or _writer is not None:
        return
    try:
        reader, _writer = os.pipe()
        child = os.fork()
    except OSError:  # no process more may be started
        return
    if not child:
        _wait(reader, program)
    os.close(reader)
    os.waitpid(child, 0)
    atexit.register(say_goodbye)


def say_goodbye():
    """Tells that this process has said all itself; `os._exit` needs it before."""
    if _writer is not None:
        with contextlib.suppress(OSError):  # nobody listens any more
            os.write(_writer, GOODBYE)


def _wait(reader, program):
    """What the other process does, which is nobody's child: nobody has to wait for it."""
    try:
        if os.fork():
            os._exit(0)
        os.setsid()  # the terminal's signals are not for it
        for number in (signal.SIGINT, signal.SIGTERM):  # who sends them to all speaks of the other
            signal.signal(number, signal.SIG_DFL)
        os.close(_writer)
        for descriptor in (0, 1):
            os.close(descriptor)
        if not os.read(reader, 1):
            os.write(2, f"{program}: {SAID}\n".encode())
    finally:
        os._exit(0)
