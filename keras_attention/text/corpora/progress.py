"""What long work says while it goes on."""

import time

EVERY = 10  # seconds


class Progress:
    """Passes on, every ten seconds, what it is told.

    Args:
        say: function of a string, or None.
    """

    def __init__(self, say):
        self._say, self._last = say, time.monotonic()

    def tell(self, text):
        """Says `text`, unless it has said something just before."""
        now = time.monotonic()
        if self._say is not None and now - self._last >= EVERY:
            self._last = now
            self._say(text)
