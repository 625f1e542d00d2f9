"""A training as a process that is killed within its first epoch."""

import os
import signal
import subprocess
import sys
import time

from keras_attention.training.snapshots import snapshot_paths


def kill_in_first_epoch(run, module, *arguments):
    """Runs `python -m module arguments` until `run` has a snapshot of step 3 or more: SIGKILL."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    _wait_for_snapshot(run, 3, process)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (run / "model.keras").exists()


def _wait_for_snapshot(run, step, process):
    deadline = time.time() + 240
    while time.time() < deadline:
        assert process.poll() is None, process.stderr.read()[-3000:]
        paths = snapshot_paths(run / "snapshots")
        if paths and int(paths[-1].stem.split("-")[1]) >= step:
            return
        time.sleep(0.005)
    raise AssertionError(f"no snapshot of step {step} after 240 s")
