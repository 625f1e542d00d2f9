"""SIGINT and SIGTERM end every command in a sentence, wherever it is."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.tasks.small_classifier import write_data

COMMAND = [sys.executable, "-m", "keras_attention.cli.main"]


def begun(*arguments, **environment):
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def ended(process, number, after=3.0):
    """What it says on standard error when a signal comes after some seconds."""
    time.sleep(after)
    assert process.poll() is None, process.communicate()
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number, err
    assert out == ""
    return err


def wait_for_reading(process):
    """Waits until a process reads a pipe, for half a minute at most.

    A machine that is shared may take seconds to begin a process at all.
    """
    place = Path(f"/proc/{process.pid}/wchan")  # of Linux: where in the kernel it waits
    deadline = time.monotonic() + 30
    while place.exists() and time.monotonic() < deadline:
        if "pipe" in place.read_text():
            return
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_waits_for_its_input(number):
    process = begun("translate", "--model", "none")
    wait_for_reading(process)
    err = ended(process, number, after=1.0)
    assert err == f"keras-attention: stopped by {signal.Signals(number).name}.\n"


MODULES = {"keras_attention.cli.main": "keras-attention", "keras_attention.cli.demo": "demo"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("imported", ["glob", "argparse"])  # by the package, and by its commands
@pytest.mark.parametrize("module", [*MODULES, None])
def test_a_command_that_is_still_being_imported(number, imported, module, tmp_path):
    wait = "import sys, time\nprint('importing', file=sys.stderr, flush=True)\ntime.sleep(60)\n"
    (tmp_path / f"{imported}.py").write_text(wait)
    script = tmp_path / "bin" / "keras-attention"  # as pip writes it
    script.parent.mkdir()
    script.write_text("from keras_attention.cli.main import console\nconsole()\n")
    paths = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    process = subprocess.Popen(
        [sys.executable, *(["-m", module] if module else [script])],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert process.stderr.readline() == "importing\n"
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    program = MODULES.get(module, "keras-attention")
    assert err == f"{program}: stopped by {signal.Signals(number).name}.\n"
    assert process.returncode == 128 + number


def test_other_programs_keep_their_handlers():
    code = "import signal as s, keras_attention; print(s.getsignal(s.SIGTERM) is s.SIG_DFL)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "True\n"


@pytest.mark.parametrize(
    "run",
    ['(print("ending", flush=True), signals.time.sleep(60))', "0", "1"]
    + ["signals.os.kill(signals.os.getpid(), signals.signal.SIGTERM)"],
    ids=["running", "done", "failed", "stopping"],
)
def test_a_signal_at_the_end(run):
    """One that comes when all is done, or after another one, ends the process in the sentence."""
    code = f"""
import atexit, sys
from keras_attention.cli import signals
def end():
    print("ending", flush=True)
    signals.time.sleep(60)
signals.leave_at_signals()
atexit.register(end)
sys.exit(signals.run_until_signal(lambda: {run}))
"""
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process = subprocess.Popen([sys.executable, "-c", code], **pipes)
    assert process.stdout.readline() == "ending\n"
    process.send_signal(signal.SIGINT)
    if "sleep" in run:
        assert process.stdout.readline() == "ending\n"
        process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    said = [line for line in err.splitlines() if line]
    assert said[-1] == "keras-attention: stopped by SIGINT." and process.returncode == 130
    assert all(line.startswith("keras-attention: stopped by SIG") for line in said)


def test_what_waits_in_native_code(tmp_path):
    """As TensorFlow does for another worker: it begins to wait anew when a signal has come."""
    code = """
import ctypes, sys, threading
from keras_attention.cli import signals
signals.GRACE = 0.5
signals.stop_at_signals()
lock = ctypes.CDLL(None)
mutex = ctypes.create_string_buffer(128)
lock.pthread_mutex_lock(mutex)
print("waiting", file=sys.stderr, flush=True)
lock.pthread_mutex_lock(mutex)  # for ever
"""
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    assert process.stderr.readline() == "waiting\n"
    time.sleep(1.0)  # it is in the lock by then, where Python runs no handler
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (143, "keras-attention: stopped by SIGTERM.\n")


def test_a_training_takes_longer_than_the_grace_to_stop():
    """Its first signal is handled once it is noted, however long the step and the snapshot take."""
    code = """
import os, signal, time
from keras_attention.cli import signals
from keras_attention.training.preemption_handler import PreemptionHandler
signals.GRACE = signals.SOON = 0.2
signals.stop_at_signals()
with PreemptionHandler() as interruption:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(2)
    print(interruption.signal)
"""
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (process.returncode, process.stdout, process.stderr) == (0, f"{signal.SIGTERM:d}\n", "")


def test_a_later_signal_ends_what_waits_in_native_code():
    """One that was handled before says nothing of the next."""
    code = """
import ctypes, os, signal, time
from keras_attention.cli import signals
signals.GRACE, signals.SOON = 0.5, 0.2
signals.stop_at_signals()
try:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(5)
except signals.Stopped:
    time.sleep(1)
lock = ctypes.CDLL(None)
mutex = ctypes.create_string_buffer(128)
lock.pthread_mutex_lock(mutex)
print("waiting", flush=True)
lock.pthread_mutex_lock(mutex)  # for ever
"""
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process = subprocess.Popen([sys.executable, "-c", code], **pipes)
    assert process.stdout.readline() == "waiting\n"
    time.sleep(1.0)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (143, "keras-attention: stopped by SIGTERM.\n")


def test_a_worker_that_waits_for_another_one(tmp_path):
    data = write_data(tmp_path)
    with socket.socket() as one, socket.socket() as other:
        one.bind(("", 0)), other.bind(("", 0))
        ports = [each.getsockname()[1] for each in (one, other)]
    workers = [f"localhost:{port}" for port in ports]
    config = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": 0}}
    process = begun(
        *("train", "classifier", "--train", data / "train.jsonl", "--valid", data / "valid.jsonl"),
        *("--distribute", "multi-worker", "--output", tmp_path / "run"),
        TF_CONFIG=json.dumps(config),
    )
    err = ended(process, signal.SIGTERM, after=15.0)
    assert err.splitlines()[-1] == "keras-attention: stopped by SIGTERM."
    assert not (tmp_path / "run").exists()
