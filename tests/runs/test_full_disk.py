"""A full disk and a directory that cannot be written: one sentence, and nothing lost."""

import os
import shutil
import subprocess
import sys

import pytest

from keras_attention import load
from keras_attention.tasks.load import load_run
from tests.cli.command import run_here
from tests.runs.full_disk import ACTIONS, make_all, refused
from tests.runs.mutations import contents
from tests.runs.small_runs import TEXTS

FULL = "cannot be written: No space left on device."
# Kilobytes. What writes no more than a tokenizer fails on a disk with none left.
ROOM = {"snapshot": 8, "start_run": 0, "save_model": 8, "save_tokenizer": 0, "export": 8}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """What there is before: a run with a snapshot, and an artifact. Not to be changed: copy it."""
    folder = tmp_path_factory.mktemp("written")
    make_all(folder)
    return folder


def mounted(folder, options):
    """Mounts a file system in memory; skips the test where this is not allowed."""
    folder.mkdir()
    try:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True)
        reason = done.stderr.strip() if done.returncode else ""
    except OSError as error:
        reason = str(error)
    if reason:
        pytest.skip(f"no file system of a size of its own can be mounted here: {reason}")


@pytest.fixture
def disk(written, tmp_path):
    """A small disk with what there is before."""
    folder = tmp_path / "disk"
    mounted(folder, "size=8m")
    try:
        yield shutil.copytree(written, folder, dirs_exist_ok=True)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(disk, kilobytes):
    """Fills a disk up to its last `kilobytes`."""
    size = shutil.disk_usage(disk).free - 1024 * kilobytes
    (disk / "filling").write_bytes(bytes(size))


def nothing_lost(disk, before):
    after = contents(disk)
    after.pop("filling", None)
    assert after == before
    load_run(disk / "run")
    load(disk / "artifact")
    assert not [name for name in os.listdir(disk) if name.startswith(".")]


@pytest.mark.parametrize("action", ACTIONS)
def test_a_full_disk(action, disk):
    before = contents(disk)
    fill(disk, ROOM[action])
    said = refused(action, disk)
    assert said.startswith(str(disk)) and said.endswith(
        "cannot be written: No space left on device."
    )
    assert ".new-" not in said and "\n" not in said
    if action == "save_tokenizer":  # into a directory of no name yet
        shutil.rmtree(disk / "run" / "another", ignore_errors=True)
    nothing_lost(disk, before)


@pytest.mark.parametrize(
    ("fmt", "step", "name"),
    [
        ("onnx", "writing the SavedModel", "saved_model/1"),
        pytest.param(*("tflite", "converting to tflite", "model.tflite"), marks=pytest.mark.slow),
        ("tf_saved_model", "comparing tf_saved_model with Keras on 6 sentences", "README.md"),
    ],
)
def test_a_disk_that_fills_during_an_export(fmt, step, name, disk):
    before = contents(disk)
    say = lambda text: fill(disk, 0) if text == step else None  # noqa: E731
    assert refused("export", disk, formats=[fmt], say=say) == f"{disk}/artifact/{name} {FULL}"
    nothing_lost(disk, before)


def test_the_command_line_on_a_full_disk(disk, tmp_path, capfd):
    before = contents(disk)
    (tmp_path / "text").write_text("three\n" * 1000)
    fill(disk, 0)
    for command in (
        ("export", "--output", disk / "artifact", "--force", "--quiet", "--formats", "onnx"),
        ("translate", "--output", disk / "translations", "--input", tmp_path / "text"),
    ):
        status, out, err = run_here(capfd, *command, "--model", disk / "run")
        assert (status, out) == (2, "")
        assert err.splitlines()[-1].endswith(FULL)
    nothing_lost(disk, before)


@pytest.mark.parametrize(
    ("limit", "actions"),
    [
        (1000, tuple(ACTIONS)),
        pytest.param(20_000, ("snapshot", "save_model", "export"), marks=pytest.mark.slow),
    ],
)
def test_files_that_may_not_grow(limit, actions, written, tmp_path):
    """The same without a disk of its own: in a process whose files have a limit."""
    directory = shutil.copytree(written, tmp_path / "written")
    before = contents(directory)
    command = [sys.executable, "-m", "tests.runs.full_disk", str(limit), directory, *actions]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == list(actions)
    assert all(f": {directory}/" in line for line in lines)
    assert all(line.endswith(" cannot be written: File too large.") for line in lines)
    shutil.rmtree(directory / "run" / "another", ignore_errors=True)
    nothing_lost(directory, before)


@pytest.fixture
def read_only(written, tmp_path):
    """A directory with what there is before, that nobody may write."""
    folder = tmp_path / "read_only"
    if os.geteuid():
        shutil.copytree(written, folder)
        everything = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
        for path in everything:
            path.chmod(0o500)
        yield folder
        for path in everything:
            path.chmod(0o700)
        return
    mounted(folder, "size=8m")  # the superuser may write wherever the disk lets him
    try:
        shutil.copytree(written, folder, dirs_exist_ok=True)
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("action", [name for name in ACTIONS if name != "save_tokenizer"])
def test_a_directory_that_nobody_may_write(action, read_only):
    before = contents(read_only)
    said = refused(action, read_only)
    assert said.startswith(str(read_only)) and "\n" not in said
    assert said.endswith(("cannot be written: Read-only file system.", ": Permission denied."))
    nothing_lost(read_only, before)


@pytest.mark.parametrize("action", ["start_run", "snapshot", "save_model", "export"])
def test_a_file_in_the_place_of_a_directory(action, tmp_path):
    (tmp_path / "file").write_text("mine")
    said = refused(action, tmp_path / "file")
    assert said.startswith(str(tmp_path / "file")) and " cannot be written: " in said
    assert contents(tmp_path) == {"file": b"mine"}


def test_what_was_written_is_worth_keeping(written):
    assert load_run(written / "run").translate(TEXTS) and load(written / "artifact")
    assert {name.split("/")[0] for name in contents(written)} == {"run", "artifact"}
    assert "run/snapshots/step-000000001.safetensors" in contents(written)
