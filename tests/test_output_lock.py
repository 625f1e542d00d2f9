import errno
import os
import signal
import subprocess
import sys
import threading

import pytest

from keras_attention import output_lock as module
from keras_attention._validation import InputError
from keras_attention.output_lock import INSIDE, is_lock, output_lock

# Holds the lock of argv[1], says so, and waits to be killed.
HOLD = """
import sys, time
from keras_attention.output_lock import output_lock
with output_lock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def names(directory):
    return sorted(path.name for path in directory.iterdir())


@pytest.fixture
def holder(tmp_path):
    """A process that holds the lock of `run`."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def refused(path):
    with pytest.raises(InputError) as caught, output_lock(path):
        pass
    return str(caught.value)


def test_a_second_process_is_refused_until_the_first_is_killed(holder, tmp_path):
    said = refused(tmp_path / "run")
    assert (
        f"{tmp_path / 'run'} is being written by another process (process {holder.pid} on" in said
    )
    with output_lock(tmp_path / "another"):
        pass
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert names(tmp_path) == [".run.lock"]
    with output_lock(tmp_path / "run") as is_held:
        assert is_held
    assert names(tmp_path) == []


def test_other_names_of_the_same_directory(holder, tmp_path, monkeypatch):
    (tmp_path / "run").mkdir()
    (tmp_path / "link").symlink_to("run")
    (tmp_path / "folder").symlink_to(".")
    monkeypatch.chdir(tmp_path / "run")
    for path in ("../run", ".", "../link", "../folder/run", tmp_path / "run" / ".." / "run"):
        assert "is being written by another process" in refused(path)


def test_threads_of_one_process(tmp_path):
    begun, end = threading.Event(), threading.Event()

    def hold():
        with output_lock(tmp_path / "run"):
            begun.set()
            end.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    assert begun.wait(60)
    assert "is being written" in refused(tmp_path / "run")
    end.set()
    thread.join()
    with output_lock(tmp_path / "run"):
        pass


@pytest.mark.parametrize("is_written", [False, True])
def test_directories_above_are_made_and_go_again(tmp_path, is_written):
    with output_lock(tmp_path / "a" / "b" / "run"):
        assert names(tmp_path / "a" / "b") == [".run.lock"]
        if is_written:
            (tmp_path / "a" / "b" / "run").mkdir()
    assert names(tmp_path) == (["a"] if is_written else [])


def test_an_error_frees_it(tmp_path):
    with pytest.raises(RuntimeError), output_lock(tmp_path / "run"):
        raise RuntimeError
    assert names(tmp_path) == []


def test_a_file_that_the_former_holder_removes_meanwhile(tmp_path, monkeypatch):
    """Between the opening and the locking of the file: else two would hold locks of two files."""
    open_, calls = module._open, []

    def slowly(file):
        found = open_(file)
        if not calls:
            file.unlink()
        calls.append(file)
        return found

    monkeypatch.setattr(module, "_open", slowly)
    with output_lock(tmp_path / "run"):
        assert len(calls) == 2
        monkeypatch.undo()
        assert "is being written" in refused(tmp_path / "run")


def test_the_root_of_a_volume(tmp_path, monkeypatch):
    """A directory may be written where the one above it is read-only: the lock is inside."""
    run = tmp_path / "run"
    run.mkdir()
    open_ = module._open

    def read_only(file):
        if file.parent == tmp_path:
            raise OSError(errno.EROFS, "Read-only file system")
        return open_(file)

    monkeypatch.setattr(module, "_open", read_only)
    with output_lock(run):
        assert names(run) == [INSIDE]
        assert "is being written" in refused(run)
    assert names(run) == []
    assert "new cannot be written: Read-only file system" in refused(tmp_path / "new")


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_filesystem_without_locks(tmp_path, monkeypatch, number):
    import fcntl

    def fails(descriptor, operation):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", fails)
    with pytest.warns(UserWarning, match="is on a filesystem without locks: see to it that no"):
        with output_lock(tmp_path / "run") as is_held:
            assert not is_held
    assert names(tmp_path) == []


def test_another_users_lock_file_can_be_locked_too(holder, tmp_path, monkeypatch):
    (tmp_path / ".run.lock").chmod(0o444)
    open_ = os.open

    def not_mine(path, flags, *mode):
        if flags & os.O_RDWR and str(path).endswith(".lock"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return open_(path, flags, *mode)

    monkeypatch.setattr(os, "open", not_mine)
    assert "is being written" in refused(tmp_path / "run")
    holder.kill()
    holder.wait()
    with output_lock(tmp_path / "run") as is_held:
        assert is_held


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("kind", ["file", "pipe", "directory", "link", "dangling"])
def test_what_has_the_name_of_a_lock_and_is_none(tmp_path, monkeypatch, kind, inside):
    (tmp_path / "run").mkdir()
    file = tmp_path / "run" / INSIDE if inside else tmp_path / ".run.lock"
    if inside:
        real = module._open

        def read_only(file):
            if file.parent == tmp_path:
                raise OSError(errno.EROFS, "Read-only file system")
            return real(file)

        monkeypatch.setattr(module, "_open", read_only)
    if kind == "file":
        file.write_text("my notes: keras-attention lock: ")
    elif kind == "pipe":
        os.mkfifo(file)  # which nobody else opens
    elif kind == "directory":
        file.mkdir()
    else:
        (tmp_path / "notes").write_text("my notes" if kind == "link" else "")
        file.symlink_to(tmp_path / ("notes" if kind == "link" else "nowhere"))
    before = os.lstat(file)
    assert refused(tmp_path / "run") == (
        f"{file} has the name of a lock but is none: it is kept, and its output is not written. "
        "Rename it, or give another path."
    )
    after = os.lstat(file)
    assert (after.st_ino, after.st_size, after.st_mtime_ns) == (
        (before.st_ino, before.st_size, before.st_mtime_ns)
    )
    assert not is_lock(file)


def test_an_empty_file_that_was_there_serves_and_stays(tmp_path):
    """Another program's lock may be empty, and so may be one of ours after a kill."""
    (tmp_path / ".run.lock").write_text("")
    with output_lock(tmp_path / "run"):
        assert refused(tmp_path / "run").endswith(
            "run is being written by another process. Wait until that has ended, or give another "
            "path."
        )
    assert (tmp_path / ".run.lock").read_text() == ""


def test_a_file_that_somebody_puts_in_its_place_is_kept(tmp_path):
    with output_lock(tmp_path / "run"):
        (tmp_path / "notes").write_text("my notes")
        os.replace(tmp_path / "notes", tmp_path / ".run.lock")
    assert (tmp_path / ".run.lock").read_text() == "my notes"


def test_what_holders_note_outlives_them(holder, tmp_path):
    lock = tmp_path / ".run.lock"
    holder.kill()
    holder.wait()
    assert is_lock(lock)
    for expected in ([], [".one"], [".one", ".two"]):
        with output_lock(tmp_path / "run") as held:
            assert [path.name for path in held.noted()] == expected
            if len(expected) == 2:
                held.forget(tmp_path / ".one")
                assert held.noted() == [tmp_path / ".two"]
            held.note(tmp_path / (".one", ".two", ".three")[len(expected)])
            held.note(tmp_path / "elsewhere" / "no")  # not beside the lock
            content = lock.read_bytes()
        assert not lock.exists()
        lock.write_bytes(content)  # as after a kill
    assert lock.read_text().splitlines()[1:] == [".two", ".three"]
