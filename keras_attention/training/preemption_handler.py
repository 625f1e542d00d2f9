"""Turns SIGINT and SIGTERM into a request to stop training at the end of a step."""

import signal
import threading

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class TrainingInterrupted(Exception):
    """A signal has ended training at the end of a step.

    Attributes:
        exit_status: exit status of the command, as in shells: 128 plus the signal's number.
    """

    def __init__(self, message, signal_number=None):
        super().__init__(message)
        # Without a number: another worker got the signal, and its number is not known here.
        self.exit_status = 128 + (signal_number or signal.SIGTERM)


class PreemptionHandler:
    """A context in which the first SIGINT or SIGTERM is recorded and does not end the process.

    A second signal acts as it would without. Outside the main thread, where Python allows no signal
    handlers, nothing is recorded.

    Attributes:
        signal: the number of the recorded signal, or None.

    >>> with PreemptionHandler() as interruption:
    ...     model.fit(x, y, callbacks=[Snapshots("snapshots", 100, interruption=interruption)])
    """

    def __init__(self):
        self.signal = None
        self._former = {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            self._former = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(self, *error):
        self._restore()

    def _note(self, number, frame):
        # This handler stays until the end: who watches for signals that nobody handles, as the
        # command line does, sees by it that the first one is.
        if self.signal is None:
            self.signal = number
            return
        self._restore()
        signal.raise_signal(number)

    def _restore(self):
        for number, handler in self._former.items():
            signal.signal(number, handler)
        self._former = {}
