"""Importing TensorFlow without the notes that it writes before its log level counts."""

import contextlib
import os
import sys


@contextlib.contextmanager
def native_stderr_hidden():
    """Hides what native code writes to standard error; exceptions still come out."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def quiet_start():
    """The block to import Keras in.

    TensorFlow writes nine lines on CPU features and missing GPUs at import, at any log level. They
    would stand before the one sentence that a command has to say. `TF_CPP_MIN_LOG_LEVEL=0` shows
    them.
    """
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "0" or "tensorflow" in sys.modules:
        return contextlib.nullcontext()
    return native_stderr_hidden()
