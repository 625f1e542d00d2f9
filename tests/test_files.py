import json
import os
import signal
import subprocess
import sys

import pytest

from keras_attention import files
from keras_attention._validation import InputError
from keras_attention.files import (
    new_directory,
    refuse_existing,
    refuse_existing_directory,
    require_writable,
    write_atomically,
)
from tests.runs.mutations import contents

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


def make(path, kind, force=False):
    """A directory that says that it is a run."""
    with new_directory(path, force) as directory:
        write_run(directory, kind)


def write_run(directory, kind="old"):
    (directory / "tokenizer").mkdir(parents=True)
    (directory / "config.json").write_text(json.dumps({"kind": kind}))
    return directory


def kind_of(path):
    return json.loads((path / "config.json").read_text())["kind"]


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
    assert kind_of(tmp_path / "run") == "old"
    make(tmp_path / "run", "new", force=True)
    assert kind_of(tmp_path / "run") == "new"
    assert names(tmp_path) == ["run"]


def test_a_failure_keeps_the_existing_directory(tmp_path):
    make(tmp_path / "run", "old")
    with pytest.raises(RuntimeError), new_directory(tmp_path / "run", force=True):
        raise RuntimeError
    assert kind_of(tmp_path / "run") == "old"
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
    with pytest.raises(InputError, match="neither a run nor an artifact; it is not overwritten"):
        make(tmp_path / "home", "new", force=True)
    assert names(tmp_path / "home") == ["letter.txt"]
    (tmp_path / "empty").mkdir()
    refuse_existing_directory(tmp_path / "empty", force=True)


def refused(path, **options):
    """Says why a directory may not take the place of `path`, even by force."""
    before = contents(path.parent)
    with pytest.raises(InputError) as caught:
        refuse_existing_directory(path, force=True, **options)
    with pytest.raises(InputError) as again, new_directory(path, force=True):
        pass
    assert str(again.value) == str(caught.value) or options
    assert contents(path.parent) == before
    assert str(caught.value).endswith(". Give another path.")
    return str(caught.value)


MARKED = {
    "config.json": (
        "{}",
        "[]",
        "null",
        "not JSON",
        '{"kind": 3}',
        '{"kind": ""}',
        "\xff",
        "[" * 9999,
    ),
    "manifest.json": ("{}", "[1]", '{"kind": "a"}', '{"kind": "a", "files": []}', '{"files": {}}'),
}


@pytest.mark.parametrize("name", MARKED)
def test_the_name_of_a_file_makes_no_run_and_no_artifact(tmp_path, name):
    path = tmp_path / "node"
    path.mkdir()
    (path / "code.js").write_text("code")
    (path / "tokenizer").mkdir()
    for text in MARKED[name]:
        (path / name).write_text(text, encoding="latin-1")
        assert "neither a run nor an artifact; it is not overwritten" in refused(path)
    (path / name).unlink()
    os.mkfifo(path / name)  # which nobody writes to
    with pytest.raises(InputError, match="neither a run nor an artifact"):
        refuse_existing_directory(path, force=True)
    (path / name).unlink()
    (path / name).mkdir()
    assert "neither a run nor an artifact" in refused(path)


def test_a_config_of_another_program_that_has_a_kind(tmp_path):
    path = tmp_path / "cluster"
    path.mkdir()
    (path / "config.json").write_text('{"kind": "Deployment"}')
    assert "neither a run nor an artifact" in refused(path)


def test_runs_and_artifacts_may_be_replaced(tmp_path):
    run = write_run(tmp_path / "run")
    (run / "snapshots").mkdir()  # it was interrupted: there is no model
    artifact = tmp_path / "artifact"
    artifact.mkdir()
    (artifact / "manifest.json").write_text('{"kind": "encoder", "files": {}}')
    for path in (run, artifact):
        with pytest.raises(InputError, match="already exists"):
            refuse_existing_directory(path, force=False)
        refuse_existing_directory(path, force=True)
        make(path, "new", force=True)
        assert kind_of(path) == "new"


def test_a_directory_takes_the_place_of_no_file(tmp_path):
    file = tmp_path / "precious.txt"
    file.write_text("precious")
    assert refused(file) == f"{file} is not a directory; it is not overwritten. Give another path."
    (tmp_path / "link").symlink_to(file)
    assert "link is not a directory" in refused(tmp_path / "link")
    os.mkfifo(tmp_path / "pipe")
    with (
        pytest.raises(InputError, match="pipe is not a directory"),
        new_directory(tmp_path / "pipe", force=True),
    ):
        pass
    assert (tmp_path / "pipe").is_fifo()


def test_a_link_that_leads_nowhere_is_kept(tmp_path):
    link = tmp_path / "link"
    link.symlink_to("nowhere")
    said = refused(link)
    assert f"{link} is a symbolic link that leads nowhere; it is not overwritten." in said
    for refuse in (refuse_existing, refuse_existing_directory, require_writable):
        with pytest.raises(InputError, match="already exists"):
            refuse(link, force=False)
    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    assert "a symbolic link that leads nowhere" in refused(loop)
    assert os.readlink(link) == "nowhere"


@pytest.mark.parametrize("fails", [False, True])
def test_of_a_link_to_a_run_only_the_link_is_replaced(tmp_path, monkeypatch, fails):
    run = write_run(tmp_path / "run")
    link = tmp_path / "link"
    link.symlink_to("run")  # relative: elsewhere it leads nowhere
    if fails:
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
    run = write_run(tmp_path / "run")
    (run / "data").mkdir()
    (run / "data" / "train.txt").write_text("text")
    (tmp_path / "link").symlink_to(run)
    (tmp_path / "data").symlink_to(run / "data")
    monkeypatch.chdir(tmp_path)
    for source in (run, "run", "run/../run/", "link", "link/tokenizer", "data/*.txt", "data"):
        for path in (run, tmp_path / "link"):
            with pytest.raises(InputError, match="cannot be overwritten by what is made from "):
                refuse_existing_directory(path, True, sources=[source])
    said = refused_source(run, run / "data" / "train.txt")
    assert said == (
        f"{run} cannot be overwritten by what is made from {run}/data/train.txt. Give another path."
    )
    sources = [None, object(), tmp_path, "elsewhere", "running", run.parent / "runs"]
    refuse_existing_directory(run, True, sources)
    refuse_existing_directory(tmp_path / "new", True, [tmp_path / "new"])


def refused_source(path, source):
    with pytest.raises(InputError) as caught:
        refuse_existing_directory(path, True, [source])
    return str(caught.value)


def test_a_file_takes_the_place_of_no_directory_and_no_pipe(tmp_path):
    file, empty, pipe = tmp_path / "letter.txt", tmp_path / "empty", tmp_path / "pipe"
    file.write_text("dear")
    empty.mkdir()
    os.mkfifo(pipe)
    for refuse in (refuse_existing, require_writable):
        refuse(file, force=True)
        refuse(tmp_path / "new", force=False)
        with pytest.raises(InputError, match="empty is a directory; the output needs the name"):
            refuse(empty, force=True)
        with pytest.raises(InputError, match="pipe is not a regular file; it is not overwritten"):
            refuse(pipe, force=True)
        for path in (file, empty, pipe):
            with pytest.raises(InputError, match="already exists. Give another path, or `force`"):
                refuse(path, force=False)


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
    assert kind_of(tmp_path / "run") == "old"


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
