"""Each script here shows a fault that users of such software report: it ends with 0 without it."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = sorted(Path(__file__).parent.glob("[0-9]*.py"))


@pytest.mark.slow  # a process with TensorFlow each; the kinds of faults have tests of their own
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_the_fault_is_gone(script):
    done = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
