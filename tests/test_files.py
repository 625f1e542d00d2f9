import os
import signal
import subprocess
import sys

import pytest

from keras_attention import files
from keras_attention._validation import InputError
from keras_attention.files import new_directory, refuse_existing, write_atomically

# Makes the directory argv[1], says that it has begun, and then waits to be killed.
BEGIN_AND_WAIT = """
import sys, time
from keras_attention.files import new_directory
with new_directory(sys.argv[1], force=True) as directory:
    (directory / "config.json").write_text("new")
    print(directory, flush=True)
    time.sleep(60)
"""


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def make(path, text, force=False):
    with new_directory(path, force) as directory:
        (directory / "config.json").write_text(text)


def test_write_atomically_replaces_and_leaves_nothing_else(tmp_path):
    write_atomically(tmp_path / "file", b"one")
    write_atomically(tmp_path / "file", b"two")
    assert (tmp_path / "file").read_bytes() == b"two"
    assert names(tmp_path) == ["file"]


def test_write_atomically_that_fails_keeps_the_old_file(tmp_path):
    write_atomically(tmp_path / "file", b"one")
    with pytest.raises(TypeError):
        write_atomically(tmp_path / "file", "not bytes")
    assert (tmp_path / "file").read_bytes() == b"one"
    assert names(tmp_path) == ["file"]


def test_a_new_directory_appears_when_complete(tmp_path):
    path = tmp_path / "not" / "yet" / "artifact"
    with new_directory(path) as directory:
        (directory / "file").write_text("text")
        assert directory.parent == path.parent
        assert not path.exists()
    assert names(path.parent) == ["artifact"]
    assert names(path) == ["file"]
    assert path.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_leaves_nothing(tmp_path, error):
    with pytest.raises(error), new_directory(tmp_path / "artifact") as directory:
        (directory / "file").write_text("half")
        raise error
    assert names(tmp_path) == []


def test_an_existing_directory_is_refused_or_replaced(tmp_path):
    make(tmp_path / "run", "old")
    with pytest.raises(InputError, match="run already exists. Give another path, or `force`"):
        make(tmp_path / "run", "new")
    assert (tmp_path / "run" / "config.json").read_text() == "old"
    make(tmp_path / "run", "new", force=True)
    assert (tmp_path / "run" / "config.json").read_text() == "new"
    assert names(tmp_path) == ["run"]


def test_a_failure_keeps_the_existing_directory(tmp_path):
    make(tmp_path / "run", "old")
    with pytest.raises(RuntimeError), new_directory(tmp_path / "run", force=True):
        raise RuntimeError
    assert (tmp_path / "run" / "config.json").read_text() == "old"
    assert names(tmp_path) == ["run"]


def test_a_failing_rename_keeps_the_existing_directory(tmp_path, monkeypatch):
    make(tmp_path / "run", "old")
    replace = os.replace

    def fails_for_the_new_one(source, target):
        if ".run.new-" in str(source):
            raise OSError("no space left")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fails_for_the_new_one)
    with pytest.raises(InputError, match="run cannot be written: no space left"):
        make(tmp_path / "run", "new", force=True)
    assert (tmp_path / "run" / "config.json").read_text() == "old"
    assert names(tmp_path) == ["run"]


def test_what_appears_meanwhile_is_not_overwritten(tmp_path):
    with pytest.raises(InputError, match="already exists"), new_directory(tmp_path / "run"):
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "config.json").write_text("of another process")
    assert (tmp_path / "run" / "config.json").read_text() == "of another process"
    assert names(tmp_path) == ["run"]


def test_even_force_spares_a_directory_of_other_things(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match="neither a run nor an artifact; it is not overwritten"):
        make(tmp_path / "home", "new", force=True)
    assert names(tmp_path / "home") == ["letter.txt"]
    (tmp_path / "empty").mkdir()
    refuse_existing(tmp_path / "empty", force=True)
    refuse_existing(tmp_path / "home" / "letter.txt", force=True)


def killed_while_making(path):
    """A process that is killed within `new_directory(path)`; gives what it leaves."""
    process = subprocess.Popen(
        [sys.executable, "-c", BEGIN_AND_WAIT, str(path)], stdout=subprocess.PIPE, text=True
    )
    left = process.stdout.readline().strip()
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    return path.parent / os.path.basename(left)


def test_what_a_killed_process_leaves_is_swept(tmp_path):
    left = killed_while_making(tmp_path / "run")
    assert names(tmp_path) == [left.name]
    make(tmp_path / "another", "text")
    assert left.name in names(tmp_path)  # not of this path
    make(tmp_path / "run", "text")
    assert names(tmp_path) == ["another", "run"]


def test_what_a_living_process_makes_is_not_swept(tmp_path):
    with new_directory(tmp_path / "run") as first:
        with pytest.raises(RuntimeError), new_directory(tmp_path / "run"):
            assert first.exists()
            raise RuntimeError
        assert first.exists()
        (first / "file").write_text("text")
    assert names(tmp_path) == ["run"]


def test_a_process_killed_between_the_two_renames_loses_nothing(tmp_path):
    make(tmp_path / "run", "old")
    left = killed_while_making(tmp_path / "run")
    aside = left.with_name(left.name.replace(".new-", ".old-"))
    aside.mkdir()
    os.replace(tmp_path / "run", aside / "run")  # as the process would have done next
    with pytest.raises(InputError, match="already exists"):
        make(tmp_path / "run", "new")
    assert names(tmp_path) == ["run"]
    assert (tmp_path / "run" / "config.json").read_text() == "old"


def test_processes_of_other_users_live_too(monkeypatch):
    def forbidden(process_id, signal_number):
        raise PermissionError

    assert files._is_alive(os.getpid())
    monkeypatch.setattr(os, "kill", forbidden)
    assert files._is_alive(1)


def test_a_process_that_ended_is_not_alive():
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    assert not files._is_alive(process.pid)
