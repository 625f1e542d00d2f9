"""What killed processes and second faults leave beside a directory is found again, or kept."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from keras_attention import new_directory as module
from keras_attention._validation import InputError
from keras_attention.output_lock import output_lock
from tests.test_new_directory import kind_of, make, names, write

# Makes the directory argv[1], says that it has begun, and then waits to be killed.
BEGIN_AND_WAIT = """
import sys, time
from keras_attention.new_directory import new_directory
with new_directory(sys.argv[1], force=True, foreign=lambda path: None) as directory:
    (directory / "config.json").write_text("new")
    print(directory, flush=True)
    time.sleep(60)
"""


@pytest.fixture(params=["at once", "in turn"])
def way(request, monkeypatch):
    """Both ways to replace a directory: that of Linux, and that of all others."""
    if request.param == "in turn":
        monkeypatch.setattr(module, "_exchange", lambda one, other: False)
    return request.param


@pytest.mark.parametrize("way", ["in turn"], indirect=True)
def test_a_second_fault_leaves_the_old_content_and_says_where(tmp_path, monkeypatch, way):
    make(tmp_path / "run", "old")
    replace, calls = os.replace, []

    def fails_after_the_first(source, target):
        calls.append(source)
        if len(calls) > 1:
            raise OSError(5, "the disk is gone")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fails_after_the_first)
    with pytest.raises(InputError, match="could not be put back .the disk is gone.: it is ") as e:
        make(tmp_path / "run", "new", force=True)
    monkeypatch.undo()
    (aside,) = names(tmp_path)
    assert str(e.value).endswith(f"it is {tmp_path / aside / 'run'}.")
    assert kind_of(tmp_path / aside / "run") == "old"
    # The next call brings it back.
    with pytest.raises(InputError, match="already exists"):
        make(tmp_path / "run", "new")
    assert kind_of(tmp_path / "run") == "old"
    assert names(tmp_path) == ["run"]


@pytest.mark.parametrize("way", ["in turn"], indirect=True)
def test_no_clean_up_deletes_what_cannot_be_put_back(tmp_path, monkeypatch, way):
    aside = tmp_path / ".run.old-0a1b2c3d"
    aside.mkdir()
    write(aside / "run")

    def fails(source, target):
        raise OSError(5, "the disk is gone")

    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(InputError, match="run cannot be written: the disk is gone"):
        make(tmp_path / "run", "new", force=True)
    assert kind_of(aside / "run") == "old"


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
    assert names(tmp_path) == [".run.lock", left.name]
    make(tmp_path / "another", "text")
    assert left.name in names(tmp_path)  # not of this path
    make(tmp_path / "run", "text")
    assert names(tmp_path) == ["another", "run"]


def test_leftovers_of_other_machines_and_of_living_process_ids(tmp_path):
    """Of containers: each has another host name, and its first process has the id 1."""
    left = killed_while_making(tmp_path / "run")
    lock = tmp_path / ".run.lock"
    _, *names_in_it = lock.read_text().splitlines()
    assert names_in_it == [left.name]
    lock.write_text(f"keras-attention lock: process 1 on another\n{left.name}\n")
    with output_lock(tmp_path / "run"):  # a holder that ends without looking
        assert left.name in lock.read_text()
        lock_before = lock.read_text()
    lock.write_text(lock_before)
    (tmp_path / ".run.new-1.lock").write_text("")  # of another output
    (tmp_path / ".run.new-model").mkdir()
    make(tmp_path / "run", "text")
    assert names(tmp_path) == [".run.new-1.lock", ".run.new-model", "run"]


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize(
    "name",
    [
        ".run.old-20240101",
        ".run.new-20240101",
        ".run.old-deadbeef",
        ".run.new-0a1b2c3d",
        ".run.new-host-1-abcd_123",
        ".run.old-backup_1",
    ],
)
@pytest.mark.filterwarnings("ignore:.*may be what")  # its form is that of what is aside
@pytest.mark.parametrize("inner", ["run/thesis.txt", "thesis.txt"])
def test_copies_of_other_people_are_no_leftovers(tmp_path, name, force, inner):
    file = tmp_path / name / inner
    file.parent.mkdir(parents=True)
    file.write_text("mine")
    (tmp_path / ".run.lock").write_text("keras-attention lock: process 1 on a\n.run.new-00000abc\n")
    if file.parent.name == "run":  # else one of that form would be put back: nothing is lost
        (tmp_path / "run").mkdir()
    make(tmp_path / "run", "new", force=force or (tmp_path / "run").exists())
    make(tmp_path / "run", "newer", force=True)
    assert file.read_text() == "mine"
    assert names(tmp_path) == [name, "run"]


def test_a_name_in_a_lock_is_no_path(tmp_path):
    for name in (".run.new-0a1b2c3d", ".other.new-0a1b2c3d", "home"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "letter").write_text("dear")
    lines = ["../run/../home", "home", ".other.new-0a1b2c3d", ".run.new-0a1b2c3d", ""]
    (tmp_path / ".run.lock").write_text("\n".join(["keras-attention lock: process 1", *lines]))
    make(tmp_path / "run", "text")
    assert names(tmp_path) == [".other.new-0a1b2c3d", "home", "run"]


def test_no_name_of_ours_is_a_date(tmp_path, monkeypatch):
    tokens = iter(["20240101", "00000000", "0a1b2c3d"])
    monkeypatch.setattr(module.secrets, "token_hex", lambda size: next(tokens))
    assert module._make_beside(tmp_path / "run", "new").name == ".run.new-0a1b2c3d"


def test_a_process_killed_between_the_two_renames_loses_nothing(tmp_path):
    make(tmp_path / "run", "old")
    left = killed_while_making(tmp_path / "run")
    aside = left.with_name(left.name.replace(".new-", ".old-"))
    aside.mkdir()
    os.replace(tmp_path / "run", aside / "run")  # as the process would have done next
    with pytest.raises(InputError, match="already exists"):
        make(tmp_path / "run", "new")
    assert names(tmp_path) == ["run"]
    assert kind_of(tmp_path / "run") == "old"


def test_a_process_killed_after_an_exchange_loses_nothing(tmp_path):
    make(tmp_path / "run", "old")
    left = killed_while_making(tmp_path / "run")
    (left / "kind").write_text("new")
    assert module._exchange(left, tmp_path / "run") or pytest.skip("no exchange here")
    with pytest.raises(InputError, match="already exists"):
        make(tmp_path / "run", "newer")
    assert names(tmp_path) == ["run"]
    assert kind_of(tmp_path / "run") == "new"


def second_fault(run, monkeypatch):
    """Where a disk that goes while `run` is replaced leaves what it was, as the message says."""
    replace, calls = os.replace, []

    def fails_after_the_first(source, target):
        calls.append(source)
        if len(calls) > 1:
            raise OSError(5, "the disk is gone")
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fails_after_the_first)
        with pytest.raises(
            InputError, match="could not be put back .the disk is gone.: it is "
        ) as e:
            make(run, "new", force=True)
    return Path(str(e.value).rpartition("it is ")[2].removesuffix("."))


@pytest.mark.parametrize("is_made", [True, False])
@pytest.mark.parametrize("way", ["in turn"], indirect=True)
def test_nobody_removes_the_only_copy(tmp_path, monkeypatch, way, is_made):
    make(tmp_path / "run", "old")
    only = second_fault(tmp_path / "run", monkeypatch)
    if is_made:  # a volume, say, whose directory is made when a container starts
        (tmp_path / "run").mkdir()
    for kind in ("new", "newer"):
        with pytest.warns(UserWarning, match="before something failed: it is kept") as caught:
            make(tmp_path / "run", kind, force=True)
        assert str(caught[0].message).startswith(f"{only} may be what {tmp_path / 'run'} was")
        assert kind_of(tmp_path / "run") == kind
        assert kind_of(only) == "old"
    assert names(tmp_path) == [only.parent.name, "run"]


def test_of_several_that_are_aside_the_newest_is_put_back(tmp_path):
    for age, name in enumerate((".run.old-ffffffff", ".run.old-aaaaaaaa", ".run.old-cccccccc")):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "run", name)
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    os.utime(tmp_path / ".run.old-aaaaaaaa", (2000, 2000))
    module.recover(tmp_path / "run")
    module.recover(tmp_path / "run")
    assert kind_of(tmp_path / "run") == ".run.old-aaaaaaaa"
    assert names(tmp_path) == [".run.old-cccccccc", ".run.old-ffffffff", "run"]


@pytest.mark.parametrize("link", ["link", "links/link"])
def test_what_is_aside_behind_a_link_is_put_back(tmp_path, link):
    aside = tmp_path / "data" / ".run.old-0a1b2c3d"
    aside.mkdir(parents=True)
    write(aside / "run")
    (tmp_path / "links").mkdir()
    (tmp_path / link).symlink_to(tmp_path / "data" / "run")
    with pytest.raises(InputError, match="link already exists. Give another path, or `force`"):
        make(tmp_path / link, "new")
    assert kind_of(tmp_path / link) == "old"
    assert names(tmp_path / "data") == ["run"]


def test_leftovers_behind_a_link_are_swept(tmp_path):
    (tmp_path / "data").mkdir()
    left = killed_while_making(tmp_path / "data" / "run")
    (tmp_path / "link").symlink_to("data/run")
    with output_lock(tmp_path / "link") as lock:
        module.recover(tmp_path / "link", lock)
        assert not left.exists()
    assert names(tmp_path / "data") == []


def test_a_second_fault_after_an_exchange(tmp_path, monkeypatch):
    make(tmp_path / "run", "old")
    real = module._exchange
    if not real(write(tmp_path / "a"), write(tmp_path / "b")):
        pytest.skip("no exchange here")
    calls = []

    def once(one, other):
        if calls:
            raise OSError(5, "the disk is gone")
        calls.append(one)
        (other / "letter").write_text("dear")
        return real(one, other)

    monkeypatch.setattr(module, "_exchange", once)
    with pytest.raises(InputError, match="could not be put back .the disk is gone.: it is ") as e:
        make(tmp_path / "run", "new", force=True)
    monkeypatch.undo()
    old = Path(str(e.value).rpartition("it is ")[2].removesuffix("."))
    assert old == calls[0]
    make(tmp_path / "run", "newer", force=True)
    assert (kind_of(old), (old / "letter").read_text()) == ("old", "dear")


@pytest.mark.parametrize("way", ["in turn"], indirect=True)
def test_a_directory_that_appears_between_two_renames(tmp_path, monkeypatch, way):
    run = tmp_path / "run"
    make(run, "old")
    replace = os.replace

    def late(source, target):
        replace(source, target)
        if source == run:
            write(run, "of another program")

    monkeypatch.setattr(os, "replace", late)
    with pytest.raises(InputError, match="put back .there is another run by now.: it is ") as e:
        make(run, "new", force=True)
    old = Path(str(e.value).rpartition("it is ")[2].removesuffix("."))
    assert (kind_of(run), kind_of(old)) == ("of another program", "old")
