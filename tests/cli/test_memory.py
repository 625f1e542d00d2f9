"""Memory limits: whatever ends a command for want of memory, one sentence says so."""

import resource
import signal
import subprocess
import sys

import pytest

from tests.tasks.small_models import saved

MEGABYTES = 1 << 20
SIZES = (150, 300, 500, 800, 1100, 1300, 1500, 1700, 1900, 2200)


def run_within(megabytes, *arguments):
    limit = (megabytes * MEGABYTES,) * 2
    return subprocess.run(
        [sys.executable, "-m", "keras_attention.cli.main", *map(str, arguments)],
        input="three\n",
        capture_output=True,
        text=True,
        timeout=300,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, limit),
    )


def one_sentence(done):
    """Nothing but one sentence, of which the status is that of a failure; or the answer."""
    assert "Traceback" not in done.stderr
    if done.returncode == 0:
        assert done.stdout.count("\n") == 1
        return False
    assert done.stdout == ""
    assert done.stderr.startswith("keras-attention: ") and done.stderr.count("\n") == 1, done.stderr
    assert "memory" in done.stderr
    return True


@pytest.mark.parametrize("megabytes", [200, 400])
def test_little_memory(once, megabytes):
    assert one_sentence(run_within(megabytes, "classify", "--model", saved(once, "classifier")))


@pytest.mark.slow
@pytest.mark.parametrize("megabytes", SIZES)
def test_ten_sizes(once, megabytes):
    one_sentence(run_within(megabytes, "classify", "--model", saved(once, "classifier")))


def test_an_end_that_python_has_not_seen(tmp_path):
    code = (
        "import os, sys\n"
        "from keras_attention.cli.last_words import leave_last_words\n"
        "leave_last_words()\n"
        "os.abort() if sys.argv[1] == 'abort' else os._exit(3) if sys.argv[1] == 'exit' else 0"
    )
    for how, status in (("abort", -signal.SIGABRT), ("exit", 3), ("well", 0)):
        done = subprocess.run([sys.executable, "-c", code, how], capture_output=True, text=True)
        assert done.returncode == status
        said = "keras-attention: ended without a word of its own, most often because there is not"
        assert done.stderr.startswith(said) == (status != 0) and done.stderr.count("\n") <= 1
