"""Tiny trainings that many tests begin with: each is made once in a process, and copied."""

import hashlib
import shutil
from pathlib import Path

import pytest

from tests.runs.tiny_training import STEPS, At, tiny_train

FOLDER = None  # where they are kept: conftest.py names it


class Stop(Exception):
    """In the place of a signal."""


def stop(model):
    raise Stop


def _once(train, /, **options):
    """The run that `train(run, **options)` makes, once for equal options."""
    name = hashlib.sha256(repr((train.__name__, sorted(options.items()))).encode()).hexdigest()
    run = Path(FOLDER) / name / "run"
    if not run.exists():
        train(run, **options)
    return run


def _interrupt(run, /, step, **options):
    with pytest.raises(Stop):
        tiny_train(run, snapshot_every=1, callbacks=[At(step, stop)], **options)


def begun(run, step=STEPS + 2, **options):
    """A run that was interrupted after `step` updates, with a snapshot of each."""
    return shutil.copytree(_once(_interrupt, step=step, **options), run)


def whole(**options):
    """A run that was trained without an interruption. Not to be changed: copy it."""
    return _once(tiny_train, **options)
