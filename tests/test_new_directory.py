import os
import subprocess
import sys
from pathlib import Path

import pytest

from keras_attention import files
from keras_attention import new_directory as module
from keras_attention._validation import InputError
from keras_attention.files import is_volume_root, other_names
from keras_attention.new_directory import (
    new_directory,
    refuse_existing_directory,
    require_replaceable,
)
from keras_attention.output_lock import output_lock
from tests.runs.mutations import contents


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def foreign(path):
    """What the directories of these tests are: they hold one file."""
    others = other_names(path, lambda name: name in ("kind", "data/part"))
    return f"a directory that also holds {others}" if others else None


def make(path, kind, force=False):
    with new_directory(path, force, foreign) as directory:
        write(directory, kind)


def write(directory, kind="old"):
    directory.mkdir(exist_ok=True)
    (directory / "kind").write_text(kind)
    return directory


def kind_of(path):
    return (path / "kind").read_text()


@pytest.fixture(params=["at once", "in turn"])
def way(request, monkeypatch):
    """Both ways to replace a directory: that of Linux, and that of all others."""
    if request.param == "in turn":
        monkeypatch.setattr(module, "_exchange", lambda one, other: False)
    return request.param


def test_this_system_exchanges_at_once(tmp_path):
    one, other = write(tmp_path / "one", "1"), write(tmp_path / "other", "2")
    assert module._exchange(one, other) == (sys.platform == "linux")
    assert kind_of(one) == ("2" if sys.platform == "linux" else "1")


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_a_new_directory_appears_when_complete(tmp_path, umask):
    path = tmp_path / "not" / "yet" / "artifact"
    former = os.umask(umask)
    try:
        with new_directory(path) as directory:
            (directory / "file").write_text("text")
            assert directory.parent == path.parent
            assert not path.exists()
    finally:
        os.umask(former)
    assert names(path.parent) == ["artifact"]
    assert names(path) == ["file"]
    assert path.stat().st_mode & 0o777 == 0o777 & ~umask


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_leaves_nothing(tmp_path, error):
    with pytest.raises(error), new_directory(tmp_path / "to" / "artifact") as directory:
        (directory / "file").write_text("half")
        raise error
    assert names(tmp_path) == []


def test_an_existing_directory_is_refused_or_replaced(tmp_path, way):
    make(tmp_path / "run", "old")
    with pytest.raises(InputError, match="run already exists. Give another path, or `force`"):
        make(tmp_path / "run", "new")
    assert kind_of(tmp_path / "run") == "old"
    make(tmp_path / "run", "new", force=True)
    assert kind_of(tmp_path / "run") == "new"
    assert names(tmp_path) == ["run"]


def test_a_failure_keeps_the_existing_directory(tmp_path):
    make(tmp_path / "run", "old")
    with pytest.raises(RuntimeError), new_directory(tmp_path / "run", True, foreign):
        raise RuntimeError
    assert kind_of(tmp_path / "run") == "old"
    assert names(tmp_path) == ["run"]


def test_a_failing_exchange_keeps_the_existing_directory(tmp_path, monkeypatch):
    make(tmp_path / "run", "old")

    def fails(one, other):
        raise OSError(28, "no space left")

    monkeypatch.setattr(module, "_exchange", fails)
    with pytest.raises(InputError, match="run cannot be written: no space left"):
        make(tmp_path / "run", "new", force=True)
    assert kind_of(tmp_path / "run") == "old"
    assert names(tmp_path) == ["run"]


@pytest.mark.parametrize("way", ["in turn"], indirect=True)
def test_a_failing_rename_keeps_the_existing_directory(tmp_path, monkeypatch, way):
    make(tmp_path / "run", "old")
    replace = os.replace

    def fails_for_the_new_one(source, target):
        if ".run.new-" in str(source):
            raise OSError("no space left")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fails_for_the_new_one)
    with pytest.raises(InputError, match="run cannot be written: no space left"):
        make(tmp_path / "run", "new", force=True)
    assert kind_of(tmp_path / "run") == "old"
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
    assert "that also holds letter.txt; it is not overwritten" in refused(tmp_path / "home")
    with pytest.raises(InputError, match="home is a directory that is not empty; it is not"):
        refuse_existing_directory(tmp_path / "home", force=True)
    (tmp_path / "empty").mkdir()
    refuse_existing_directory(tmp_path / "empty", force=True)


def test_other_names(tmp_path):
    own = write(tmp_path / "own")
    (own / "data" / "empty").mkdir(parents=True)
    (own / "data" / "part").write_text("")
    assert foreign(own) is None
    (own / "data" / "link").symlink_to(tmp_path)
    (own / "a").symlink_to("nowhere")
    os.mkfifo(own / "pipe")
    (own / ".z").write_text("")
    assert other_names(own, lambda name: name in ("kind", "data/part")) == (
        ".z, a, data/link and 1 more"
    )


def refused(path):
    """Says why a directory may not take the place of `path`, even by force."""
    before = contents(path.parent)
    with pytest.raises(InputError) as caught:
        refuse_existing_directory(path, True, foreign=foreign)
    with pytest.raises(InputError) as again, new_directory(path, True, foreign):
        pass
    assert str(again.value) == str(caught.value)
    assert contents(path.parent) == before
    assert str(caught.value).endswith(". Give another path.")
    with pytest.raises(InputError) as unforced:  # which does not advise what would be refused
        refuse_existing_directory(path, False, foreign=foreign)
    said = str(caught.value).replace(f"{path} is ", f"{path} already exists and is ")
    assert str(unforced.value) == said
    return str(caught.value)


def test_a_directory_takes_the_place_of_no_file(tmp_path):
    file = tmp_path / "precious.txt"
    file.write_text("precious")
    assert refused(file) == f"{file} is not a directory; it is not overwritten. Give another path."
    (tmp_path / "link").symlink_to(file)
    assert "link is not a directory" in refused(tmp_path / "link")
    os.mkfifo(tmp_path / "pipe")
    with (
        pytest.raises(InputError, match="pipe is not a directory"),
        new_directory(tmp_path / "pipe", True, foreign),
    ):
        pass
    assert (tmp_path / "pipe").is_fifo()


def test_a_link_that_leads_nowhere_is_kept(tmp_path):
    link = tmp_path / "link"
    link.symlink_to("nowhere")
    assert f"{link} is a symbolic link that leads nowhere; it is not overwritten." in refused(link)
    with pytest.raises(InputError, match="already exists"):
        refuse_existing_directory(link, force=False)
    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    assert "a symbolic link that leads nowhere" in refused(loop)
    assert os.readlink(link) == "nowhere"


@pytest.mark.parametrize("fails", [False, True])
def test_of_a_link_to_a_run_only_the_link_is_replaced(tmp_path, monkeypatch, fails, way):
    run = write(tmp_path / "run")
    link = tmp_path / "link"
    link.symlink_to("run")  # relative: elsewhere it leads nowhere
    if fails and way == "in turn":
        replace = os.replace
        broken = lambda a, b: replace(a, b if ".new-" not in str(a) else "/dev/null/no")  # noqa: E731
        monkeypatch.setattr(os, "replace", broken)
        with pytest.raises(InputError, match="link cannot be written"):
            make(link, "new", force=True)
        assert os.readlink(link) == "run"
    else:
        make(link, "new", force=True)
        assert kind_of(link) == "new" and not link.is_symlink()
    assert kind_of(run) == "old"
    assert names(tmp_path) == ["link", "run"]


def test_what_is_read_is_never_replaced(tmp_path, monkeypatch):
    run = write(tmp_path / "run")
    (run / "data").mkdir()
    (run / "data" / "part").write_text("text")
    (tmp_path / "link").symlink_to(run)
    (tmp_path / "data").symlink_to(run / "data")
    monkeypatch.chdir(tmp_path)
    for source in (run, "run", "run/../run/", "link", "link/data", "data/*.txt", "data"):
        for path in (run, tmp_path / "link"):
            with pytest.raises(InputError, match="cannot be overwritten by what is made from "):
                refuse_existing_directory(path, True, [source], foreign)
    said = refused_source(run, run / "data" / "part")
    assert said == (
        f"{run} cannot be overwritten by what is made from {run}/data/part. Give another path."
    )
    sources = [None, object(), tmp_path, "elsewhere", "running", run.parent / "runs"]
    refuse_existing_directory(run, True, sources, foreign)
    refuse_existing_directory(tmp_path / "new", True, [tmp_path / "new"])


def refused_source(path, source):
    with pytest.raises(InputError) as caught:
        refuse_existing_directory(path, True, [source], foreign)
    return str(caught.value)


@pytest.fixture
def written_to(monkeypatch, way):
    """`written_to(path)` has somebody write into a directory in the moment of its replacement."""

    def begin(path):
        name, where = ("_exchange", module) if way == "at once" else ("replace", os)
        real, calls = getattr(where, name), []

        def late(one, other):
            if not calls:
                (path / "letter").write_text("dear")
            calls.append(one)
            return real(one, other)

        monkeypatch.setattr(where, name, late)
        return calls

    return begin


def test_what_is_written_in_the_moment_of_replacement(tmp_path, written_to):
    make(tmp_path / "run", "old")
    calls = written_to(tmp_path / "run")
    with pytest.raises(InputError, match="run is a directory that also holds letter; it is not"):
        make(tmp_path / "run", "new", force=True)
    assert len(calls) == 2  # there and back
    assert kind_of(tmp_path / "run") == "old"
    assert (tmp_path / "run" / "letter").read_text() == "dear"
    assert names(tmp_path) == ["run"]


def test_the_root_of_a_volume(tmp_path, monkeypatch):
    """No directory takes its place: said before long work, and not by the kernel after it."""
    monkeypatch.setattr(files, "_MOUNTS", tmp_path / "mountinfo")
    make(tmp_path / "r u", "old")
    (tmp_path / "empty").mkdir()
    lines = [
        f"36 35 98:0 /src {tmp_path}/r\\040u rw - ext4 /dev/a rw",
        f"37 35 98:0 / {tmp_path}/empty",
    ]
    (tmp_path / "mountinfo").write_text("\n".join(lines))
    for path in (tmp_path / "r u", tmp_path / "empty"):
        assert " is the root of a volume, which no directory replaces" in refused(path)
        with pytest.raises(InputError, match="already exists and is the root of a volume"):
            refuse_existing_directory(path, False, foreign=foreign)
        with pytest.raises(InputError, match="because it is the root of a volume. Copy it to"):
            require_replaceable(path)
    (tmp_path / "link").symlink_to("r u")
    with pytest.raises(InputError, match="because it is the root of a volume. Copy it to"):
        require_replaceable(tmp_path / "link")
    make(tmp_path / "link", "new", force=True)  # the link alone is replaced
    require_replaceable(tmp_path / "link")


def test_a_directory_whose_parent_may_not_be_written(tmp_path, monkeypatch):
    make(tmp_path / "run", "old")
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)
    with pytest.raises(InputError, match=f"because {tmp_path} may not be written. Copy it to"):
        require_replaceable(tmp_path / "run")


@pytest.mark.parametrize("mounts", [files._MOUNTS, Path("/proc/no such file")])
def test_roots_of_volumes_of_this_system(tmp_path, monkeypatch, mounts):
    monkeypatch.setattr(files, "_MOUNTS", mounts)
    assert not is_volume_root(tmp_path)
    if sys.platform == "linux":
        assert is_volume_root("/proc") and is_volume_root("/")


def test_two_writers_of_one_directory(tmp_path):
    with new_directory(tmp_path / "run") as first:
        with pytest.raises(InputError, match="run is being written by another process"):
            make(tmp_path / "run", "second", force=True)
        write(first, "first")
    assert kind_of(tmp_path / "run") == "first"
    assert names(tmp_path) == ["run"]


def test_the_lock_of_the_caller_serves(tmp_path):
    with output_lock(tmp_path / "run") as lock, new_directory(tmp_path / "run", lock=lock) as new:
        write(new, "mine")
    assert names(tmp_path) == ["run"]


def test_a_reader_always_finds_a_directory(tmp_path):
    if sys.platform != "linux":
        pytest.skip("only Linux exchanges two names at once")
    make(tmp_path / "run", "0")
    code = (
        "import sys, pathlib, json\n"
        "path, kinds = pathlib.Path(sys.argv[1]) / 'kind', []\n"
        "print('begun', flush=True)\n"
        "while not kinds or kinds[-1] != '40': kinds.append(path.read_text())\n"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path / "run")]
    reader = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    assert reader.stdout.readline() == "begun\n"
    for kind in range(1, 41):
        make(tmp_path / "run", str(kind), force=True)
    reader.communicate(timeout=60)
    assert reader.returncode == 0
