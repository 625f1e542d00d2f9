"""SIGINT and SIGTERM: every command ends with a sentence, wherever it is."""

import contextlib
import math
import os
import signal
import sys
import threading
import time

from keras_attention.cli.last_words import say_goodbye

NUMBERS = (signal.SIGINT, signal.SIGTERM)
GRACE = 5.0  # seconds within which Python runs again, unless native code waits for something
SOON = 1.0  # seconds between a handler and the thread that hears of the same signal, at most
_is_ending = False  # whether `Stopped` has been raised, or there is nothing left to stop


class Stopped(KeyboardInterrupt):
    """SIGINT or SIGTERM has come. No `Exception`: Keras would raise it anew, with more text.

    Attributes:
        exit_status: exit status of the command, as in shells.
    """

    def __init__(self, number):
        super().__init__(f"stopped by {signal.Signals(number).name}.")
        self.exit_status = 128 + number


def leave_at_signals(program="keras-attention"):
    """From now on SIGINT and SIGTERM end the process at once: there is nothing to be undone."""
    for number in NUMBERS:
        signal.signal(number, lambda number, frame: _leave(program, number))


def run_until_signal(run, program="keras-attention"):
    """The status that `run()` returns; of a signal, the one that shells know.

    A second signal does not wait for what the first one has `run` undo, and one that comes when it
    has returned does not wait for the end of the process.
    """
    global _is_ending
    try:
        stop_at_signals(program)
        return run()
    except Stopped as stopped:
        print(f"{program}: {stopped}", file=sys.stderr)
        return stopped.exit_status
    finally:
        _is_ending = True


def _leave(program, number):
    """Says by what, and ends the process: without a buffer, which may be half written."""
    with contextlib.suppress(OSError, AttributeError, ValueError):
        os.write(sys.stderr.fileno(), f"{program}: {Stopped(number)}\n".encode())
    say_goodbye()
    os._exit(128 + number)


def stop_at_signals(program="keras-attention"):
    """From now on SIGINT and SIGTERM raise `Stopped` in the main thread, the first time.

    Where that waits in native code, as a worker does for another one, no exception reaches it: then
    the process ends with the same sentence and status after `GRACE`.
    """
    handled = -math.inf  # when Python last ran `stop`

    def stop(number, frame):
        nonlocal handled
        global _is_ending
        handled = time.monotonic()
        if _is_ending:
            _leave(program, number)
        _is_ending = True
        raise Stopped(number)

    for number in NUMBERS:
        signal.signal(number, stop)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def watch():
        while True:
            number = os.read(reader, 1)[0]
            came = time.monotonic()
            # What has put another handler in the place of this one ends by itself.
            if number not in NUMBERS or signal.getsignal(number) is not stop:
                continue
            while handled < came - SOON and time.monotonic() < came + GRACE:
                time.sleep(0.05)
            if handled < came - SOON and signal.getsignal(number) is stop:
                _leave(program, number)

    threading.Thread(target=watch, daemon=True).start()
