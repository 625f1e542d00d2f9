"""Workers as real processes: killed, stopped, started again."""

import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from keras_attention._validation import InputError
from keras_attention.cli.launch import (
    describe,
    output_now,
    restarted_arguments,
    training_arguments,
    worker_environments,
)
from keras_attention.cli.main import WORKER_LOST
from keras_attention.new_directory import new_directory
from keras_attention.training import WorkerLost
from keras_attention.training.snapshot_file import read_snapshot
from keras_attention.training.snapshots import snapshot_paths
from tests.cli.command import run_process
from tests.tasks.small_classifier import write_data

MODULE = "keras_attention.cli.main"


def command(*arguments):
    return [sys.executable, "-m", MODULE, *map(str, arguments)]


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    """The arguments of a training of seconds: 80 updates in four epochs, dropout included."""
    data = write_data(tmp_path_factory.mktemp("texts"))
    return [
        *("train", "classifier", "--train", data / "train.jsonl", "--valid", data / "valid.jsonl"),
        *("--preset", "lesson", "--vocabulary-size", 200, "--max-length", 32, "--batch-size", 8),
        *("--epochs", 4, "--snapshot-every", 4, "--quiet", "--output"),
    ]


def state(run):
    arrays, position = read_snapshot(snapshot_paths(run / "snapshots")[-1])
    return {name: array.tobytes() for name, array in arrays.items()}, position


@pytest.fixture(scope="module")
def streamed_training(training):
    """The same of masked tokens, three windows to an epoch."""
    return [
        *("train", "masked-lm", *training[2:6], "--window", 64, "--preset", "tiny"),
        *("--vocabulary-size", 200, "--max-length", 32, "--batch-size", 8),
        *("--epochs", 4, "--snapshot-every", 4, "--quiet", "--output"),
    ]


@pytest.fixture(scope="module")
def whole(training, tmp_path_factory):
    return uninterrupted(training, tmp_path_factory.mktemp("whole") / "run")


def uninterrupted(training, run):
    """The last state of two workers that nothing interrupts."""
    done = run_process("launch", "--workers", 2, "--", *training, run)
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    assert (run / "model.keras").exists()
    return state(run)


def wait_for_snapshot(run, step, process):
    deadline = time.time() + 600  # machines are shared
    while time.time() < deadline:
        assert process.poll() is None
        paths = snapshot_paths(run / "snapshots")
        if paths and int(paths[-1].stem.split("-")[1]) >= step:
            return
        time.sleep(0.005)
    raise AssertionError(f"no snapshot of step {step} after ten minutes")


def launched(training, run):
    """Two workers of a training, begun, and at step 4 or later."""
    launcher = subprocess.Popen(
        command("launch", "--workers", 2, "--", *training, run),
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for_snapshot(run, 4, launcher)
    return launcher


def children(process):
    found = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True)
    return [int(line) for line in found.stdout.split()]


def test_a_killed_worker_is_missed_and_all_start_again(training, whole, tmp_path):
    assert state_after_a_kill(training, tmp_path / "run") == whole


@pytest.mark.slow
def test_a_killed_worker_of_a_corpus_that_is_streamed(streamed_training, tmp_path):
    expected = uninterrupted(streamed_training, tmp_path / "whole")
    assert state_after_a_kill(streamed_training, tmp_path / "run") == expected


def state_after_a_kill(training, run):
    launcher = launched(training, run)
    os.kill(children(launcher)[1], signal.SIGKILL)
    killed, err = time.time(), ""
    with launcher.stderr as said:
        while "Another worker has ended or cannot be reached" not in err:  # the survivor says so
            line = said.readline()
            assert line, err
            err += line
        assert time.time() - killed < 30
        err += said.read()
    assert launcher.wait(timeout=240) == 0, err
    assert "worker 1 was ended by SIGKILL." in err
    assert "all workers are started again." in err
    return state(run)


def test_a_signal_to_the_launcher_stops_all_with_a_snapshot(training, tmp_path):
    stop_launcher(training, tmp_path / "run")


@pytest.mark.slow
def test_what_a_signal_stopped_is_resumed(training, whole, tmp_path):
    """By a launcher, as it resumes by itself what a worker's end has stopped."""
    run = tmp_path / "run"
    stop_launcher(training, run)
    done = run_process("launch", "--workers", 2, "--", *training, run, "--resume")
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    assert state(run) == whole


def stop_launcher(training, run):
    """Begins a run with two workers, and ends it by a signal to the launcher."""
    launcher = launched(training, run)
    launcher.send_signal(signal.SIGTERM)
    _, err = launcher.communicate(timeout=240)
    assert launcher.returncode == 128 + signal.SIGTERM, err
    _, position = state(run)
    assert f"stopped at step {position['step']}; the snapshot is" in err
    assert not (run / "model.keras").exists()


@pytest.mark.slow  # of a launched one: `state_after_a_kill`
def test_a_survivor_ends_within_thirty_seconds(training, tmp_path):
    run = tmp_path / "run"
    arguments = command(*training, run, "--distribute", "multi-worker")
    first, second = (
        subprocess.Popen(arguments, env=environment, stderr=subprocess.PIPE, text=True)
        for environment in worker_environments(2)
    )
    wait_for_snapshot(run, 4, first)
    second.kill()
    killed = time.time()
    _, err = first.communicate(timeout=120)
    second.communicate()
    assert time.time() - killed < 30
    assert first.returncode == 75
    assert err.splitlines()[-1] == (
        "keras-attention: Another worker has ended or cannot be reached. Start all workers again "
        "with --resume."
    )


def test_a_worker_with_other_files_is_told_so(training, tmp_path):
    """As on two machines, whose paths are the same and whose files are not."""
    data = training[3].parent
    given = [value.name if value in data.iterdir() else value for value in training]
    processes = []
    for index, environment in enumerate(worker_environments(2)):
        machine = shutil.copytree(data, tmp_path / f"machine{index}")
        lines = (machine / "train.jsonl").read_text().splitlines(keepends=True)
        (machine / "train.jsonl").write_text("".join(lines[: len(lines) - 30 * index]))
        processes.append(
            subprocess.Popen(
                command(*given, "run", "--distribute", "multi-worker"),
                cwd=machine,
                env=environment,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    first, second = processes
    _, err = second.communicate(timeout=240)
    assert second.returncode == 2
    assert "The files of this worker are not those of the chief: training data differ." in err
    _, err = first.communicate(timeout=120)
    assert first.returncode == 75, err


def test_bad_input_is_said_once_and_not_tried_again(training, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("mine")
    done = run_process("launch", "--workers", 2, "--", *training, tmp_path / "run")
    assert done.returncode == 2
    assert done.stderr.decode().count("already exists") == 1
    assert "started again" not in done.stderr.decode()


def test_what_launch_starts():
    given = ["--", "train", "masked-lm", "--train", "f"]
    assert training_arguments(given) == [*given[1:], "--distribute", "multi-worker"]
    with pytest.raises(InputError, match=r"Received: translate --model run"):
        training_arguments(["--", "translate", "--model", "run"])
    with pytest.raises(InputError, match="Received: nothing"):
        training_arguments([])
    assert describe(3) == "ended with 3"
    assert describe(-9) == "was ended by SIGKILL"


def test_workers_that_start_again_resume_only_what_they_began(tmp_path):
    """Not the run that they were to replace."""
    run = tmp_path / "run"
    arguments = ["train", "classifier", "--train", "f", "--output", str(run), "--force"]
    for former in (False, True):
        if former:
            run.mkdir()
        before = output_now(arguments)
        assert restarted_arguments(arguments, output_now(arguments) != before) == arguments
        with new_directory(run, force=True) as directory:
            (directory / "config.json").write_text("{}")
        again = restarted_arguments(arguments, output_now(arguments) != before)
        assert again == [*arguments[:-1], "--resume"]
        assert restarted_arguments(again, False) == again
        shutil.rmtree(run)
    spelled = ["train", "classifier", f"--output={run}", "--forc", "--train", "f"]
    assert restarted_arguments(spelled, True) == [
        *("train", "classifier", "--train", "f", "--output", str(run), "--resume")
    ]


@pytest.mark.parametrize(
    "options, said",
    [
        (["--workers", 0], "--workers must be 1 or more. Received: --workers 0"),
        (
            ["--workers", 2, "--restarts", -1],
            "--restarts must be 0 or more. Received: --restarts -1",
        ),
    ],
)
def test_numbers_that_cannot_be(options, said):
    done = run_process("launch", *options, "--", "train", "masked-lm")
    assert done.returncode == 2
    assert done.stderr.decode() == f"keras-attention: {said}\n"


def test_the_status_of_who_misses_another():
    assert WorkerLost.exit_status == WORKER_LOST


def test_workers_have_ports_of_their_own():
    configs = [environment["TF_CONFIG"] for environment in worker_environments(3)]
    assert len(set(configs)) == 3
    assert np.unique(configs[0].split('"localhost:')[1:]).size == 3
