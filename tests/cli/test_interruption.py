"""Ctrl-C and a loss that is not a number, as the command line answers them."""

import os
import re
import signal
import subprocess
import sys

import pytest

from keras_attention.training.snapshots import snapshot_paths
from tests.cli.command import run_here, run_process
from tests.cli.test_launch import wait_for_snapshot
from tests.tasks.small_classifier import write_data


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    """The arguments of a training of seconds: 200 updates in ten epochs."""
    data = write_data(tmp_path_factory.mktemp("texts"))
    return [
        *("train", "classifier", "--train", data / "train.jsonl", "--valid", data / "valid.jsonl"),
        *("--preset", "lesson", "--vocabulary-size", 200, "--max-length", 32, "--batch-size", 8),
        *("--epochs", 10, "--snapshot-every", 4, "--output"),
    ]


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_a_signal_ends_training_with_a_snapshot(training, tmp_path, number):
    run = tmp_path / "run"
    process = subprocess.Popen(
        [sys.executable, "-m", "keras_attention.cli.main", *map(str, [*training, run])],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for_snapshot(run, 4, process)
    os.kill(process.pid, number)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 128 + number
    newest = snapshot_paths(run / "snapshots")[-1]
    step = int(newest.stem.split("-")[1])
    assert err.splitlines()[-1] == (
        f"keras-attention: stopped at step {step}; the snapshot is {newest}. Go on with --resume."
    )
    assert not (run / "model.keras").exists()
    done = run_process(*training, run, "--resume")
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    assert f"resumed at step {step}" in done.stdout.decode()
    assert b"Epoch 10/10\n" in done.stdout  # in a pipe it is a line an epoch, and no moving bar
    assert not {b"\b", b"\r", b"\x1b"} & {done.stdout[i : i + 1] for i in range(len(done.stdout))}
    assert (run / "model.keras").exists()


def test_a_loss_that_is_no_number(capfd, training, tmp_path):
    run = tmp_path / "run"
    status, _, err = run_here(capfd, *training, run, "--learning-rate", 1e30)
    assert status == 2
    (said,) = [line for line in err.splitlines() if "keras-attention:" in line]
    assert "The loss is not a number after batch " in said
    assert " of epoch 1 (rows " in said
    assert "lower learning rate" in said
    assert not (run / "model.keras").exists()


def test_a_signal_ends_the_demo_in_a_sentence(tmp_path):
    process = subprocess.Popen(
        [
            sys.executable,
            "-u",
            "-m",
            "keras_attention.cli.demo",
            "--output",
            str(tmp_path / "demo"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    said = process.stdout.readline()
    assert re.fullmatch(r"This takes about \d+ minutes? here\.\n", said)
    assert process.stdout.readline().startswith("Training an English-to-German translator on ")
    os.kill(process.pid, signal.SIGTERM)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 128 + signal.SIGTERM
    assert err == "demo: stopped by SIGTERM. Run it again: it begins anew.\n"
