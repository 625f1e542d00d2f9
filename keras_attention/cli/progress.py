"""What a long command says of how far it is, a line for each step."""

import sys
import threading
import time

from keras_attention._validation import printable

EVERY = 30.0  # seconds after which a step that goes on is said to go on


class Progress:
    """A context, and a function that says on standard error which step has begun.

    A step that takes long is told again with its time. Each is a line of its own: no bar, which a
    file would keep in pieces.

    Args:
        quiet: whether nothing is said.
        every: seconds between two lines on one step.

    >>> with Progress() as say:
    ...     say("converting to onnx")
    converting to onnx
    ... converting to onnx: 30 s so far
    """

    def __init__(self, quiet=False, every=EVERY):
        self._quiet, self._every = quiet, every
        self._step, self._began = None, 0.0
        self._ended = threading.Event()

    def __enter__(self):
        if not self._quiet:
            threading.Thread(target=self._remind, daemon=True).start()
        return self

    def __exit__(self, *error):
        self._ended.set()

    def __call__(self, text):
        self._step, self._began = text, time.monotonic()
        if not self._quiet:
            print(printable(text), file=sys.stderr, flush=True)

    def _remind(self):
        while not self._ended.wait(self._every):
            step, seconds = self._step, time.monotonic() - self._began
            if step is not None and seconds >= self._every:
                said = f"... {step.strip()}: {seconds:.0f} s so far"
                print(printable(said), file=sys.stderr, flush=True)
