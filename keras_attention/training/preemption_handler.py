"""SIGINT and SIGTERM as a request that training meets at the end of a step."""

import signal
import threading

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class TrainingInterrupted(Exception):
    """Training has ended at a step boundary because a signal asked for it.

    Attributes:
        exit_status: of the command line, as shells have it: 128 and the signal's number.
    """

    def __init__(self, message, signal_number=None):
        super().__init__(message)
        # The other workers of a training know only that one of them was asked to end.
        self.exit_status = 128 + (signal_number or signal.SIGTERM)


class PreemptionHandler:
    """A block in which the first SIGINT or SIGTERM is noted, not acted upon; a second one acts.

    Outside of the main thread, where Python does not let anyone handle signals, nothing is noted.

    Attributes:
        signal: the number of the signal that came, or None.

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
        self.signal = number
        self._restore()

    def _restore(self):
        for number, handler in self._former.items():
            signal.signal(number, handler)
        self._former = {}
