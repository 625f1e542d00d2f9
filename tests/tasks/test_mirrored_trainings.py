"""Each kind of training on two replicas: the history of one device, a finished run, resumed."""

import csv

import keras
import numpy as np
import pytest

from keras_attention.tasks.load import load
from keras_attention.training.snapshot_file import read_snapshot
from keras_attention.training.snapshots import snapshot_paths
from tests.cli.command import run_process
from tests.tasks.kill import kill_in_first_epoch
from tests.tasks.small_classifier import write_data
from tests.tasks.small_run import write_words

COMMON = ("--epochs", 2, "--dropout", 0, "--quiet")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_words(write_data(tmp_path_factory.mktemp("data")))


# Four batches of 15 rows: 8 on one replica, 7 on the other.
WORDS = ("--vocabulary-size", 70, "--batch-tokens", 60)


def arguments(kind, data):
    """Of a training of seconds. Its batches have an odd number of rows now and then."""
    if kind == "translator":
        files = [f"--{part}-{side}" for part in ("train", "valid") for side in ("source", "target")]
        names = [f"{part}.{side}" for part in ("train", "valid") for side in ("en", "de")]
        paths = zip(files, (data / name for name in names), strict=True)
        return [*COMMON, *WORDS, *(value for pair in paths for value in pair)]
    texts = [
        "--vocabulary-size",
        150,
        "--train",
        data / "train.jsonl",
        "--valid",
        data / "valid.jsonl",
    ]
    preset = "lesson" if kind == "classifier" else "tiny"
    return [*COMMON, *texts, "--preset", preset, "--batch-size", 15, "--max-length", 32]


def history(run):
    with open(run / "history.csv", newline="") as file:
        return [{n: float(v) for n, v in row.items()} for row in csv.DictReader(file)]


# Sentence vectors are trained so every time: embedding/test_train_embedding.py.
@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", ["translator", "translator compiled by XLA", "classifier", "masked-lm"]
)
def test_two_replicas_are_as_one(kind, data, tmp_path):
    kind, _, by_xla = kind.partition(" ")
    given = ["train", kind, *arguments(kind, data), "--output"]
    one, two = tmp_path / "one", tmp_path / "two"
    mirrored = [*given, two, "--distribute", "mirrored"]
    if by_xla:
        mirrored += ["--jit", "yes"]
    processes = [
        run_process(*given, one),
        run_process(*mirrored, KERAS_ATTENTION_CPU_DEVICES="2"),
    ]
    for process in processes:
        assert process.returncode == 0, process.stderr.decode()[-3000:]
    for row, expected in zip(history(two), history(one), strict=True):
        assert row == pytest.approx(expected, rel=2e-3, abs=2e-3)
    for run in (one, two):
        model = keras.saving.load_model(run / "model.keras", compile=False)
        assert all(np.isfinite(array).all() for array in model.get_weights())
    if kind != "masked-lm":
        load(two)


def state(run):
    arrays, position = read_snapshot(snapshot_paths(run / "snapshots")[-1])
    return {name: array.tobytes() for name, array in arrays.items()}, position


def test_two_replicas_resume_exactly(data, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_ATTENTION_CPU_DEVICES", "2")
    given = [
        *("train", "classifier", "--train", data / "train.jsonl", "--valid", data / "valid.jsonl"),
        *("--preset", "lesson", "--vocabulary-size", 150, "--max-length", 32, "--batch-size", 7),
        *("--epochs", 2, "--snapshot-every", 3, "--quiet", "--distribute", "mirrored", "--output"),
    ]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    done = run_process(*given, whole)
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    kill_in_first_epoch(killed, "keras_attention.cli.main", *given, killed)
    done = run_process(*given, killed, "--resume")
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    assert state(killed) == state(whole)
    assert history(killed)[1] == history(whole)[1]
