import errno
import os
from pathlib import Path

import pytest

from keras_attention import files
from keras_attention._validation import InputError
from keras_attention.files import (
    is_temporary,
    refuse_existing,
    require_writable,
    temporary_name,
    write_atomically,
    write_output,
)
from keras_attention.new_directory import new_directory


def names(directory):
    return sorted(path.name for path in directory.iterdir())


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


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_modes_follow_the_umask(tmp_path, umask):
    former = os.umask(umask)
    try:
        write_atomically(tmp_path / "file", b"one")
        write_atomically(tmp_path / "file", b"two")
    finally:
        os.umask(former)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o666 & ~umask


def test_temporary_names(tmp_path):
    for name in ("config.json", "model.keras", "step-000000003.safetensors"):
        assert is_temporary(temporary_name(tmp_path / name).name) == name
        assert is_temporary(name) is None
    assert is_temporary(temporary_name(tmp_path / "model", ".keras").name) == "model.keras"


@pytest.mark.parametrize(
    "name",
    [
        ".notes.markdown",
        ".env.20240101",
        ".env.settings",
        ".gitignore.original",
        ".model.mybackup.keras",
        ".config.json.0a1b2c3d",
        ".config.json.keras-attention-backup01",
        ".config.json.keras-attention-0a1b2c3d.txt",
        "config.json.keras-attention-0a1b2c3d",
        "..keras-attention-0a1b2c3d",
    ],
)
def test_names_of_other_people_are_not_temporary(name):
    assert is_temporary(name) is None


@pytest.mark.parametrize("force", [False, True])
def test_a_link_that_leads_nowhere_is_kept(tmp_path, force):
    link = tmp_path / "link"
    link.symlink_to("nowhere")
    said = "leads nowhere; it is not overwritten" if force else "already exists"
    for refuse in (refuse_existing, require_writable):
        with pytest.raises(InputError, match=said):
            refuse(link, force=force)
    assert os.readlink(link) == "nowhere"


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
        with pytest.raises(InputError, match="already exists. Give another path, or `force`"):
            refuse(file, force=False)
        # No advice that would be refused.
        with pytest.raises(InputError) as caught:
            refuse(pipe, force=False)
        assert str(caught.value) == (
            f"{pipe} already exists and is not a regular file; it is not overwritten. "
            "Give another path."
        )
        with pytest.raises(InputError, match="empty is a directory; the output needs the name"):
            refuse(empty, force=False)


@pytest.fixture(params=["links", "no links"])
def has_links(request, monkeypatch):
    """Filesystems with hard links, and those without."""
    if request.param == "no links":

        def fails(source, target):
            raise PermissionError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(os, "link", fails)


def test_an_output(tmp_path, has_links):
    write_output(tmp_path / "out", b"one")
    assert (tmp_path / "out").read_bytes() == b"one"
    write_output(tmp_path / "out", b"two", force=True)
    assert (tmp_path / "out").read_bytes() == b"two"
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("moment", ["before", "while it is written"])
@pytest.mark.parametrize("kind", ["file", "pipe", "directory", "dangling link"])
@pytest.mark.parametrize("force", [False, True])
def test_what_appears_before_an_output_is_kept_and_so_is_the_output(
    tmp_path, monkeypatch, has_links, moment, kind, force
):
    path = tmp_path / "out"

    def appears():
        if kind == "file":
            path.write_text("precious")
        elif kind == "pipe":
            os.mkfifo(path)
        elif kind == "directory":
            path.mkdir()
        else:
            path.symlink_to("nowhere")

    if moment == "before":
        appears()
    else:
        sync = os.fsync
        monkeypatch.setattr(os, "fsync", lambda descriptor: (sync(descriptor), appears()))
    if force and kind == "file":
        write_output(path, b"answers", force)
        assert path.read_bytes() == b"answers"
        return
    with pytest.raises(InputError) as caught:
        write_output(path, b"answers", force)
    said, _, kept = str(caught.value).partition(" What was to be written is ")
    assert Path(kept.removesuffix(".")).read_bytes() == b"answers"
    assert said.startswith(f"{path} ") and said.endswith(("overwrite it.", "path.", "of a file."))
    assert ("`force`" in said) == (kind == "file")
    before = {"file": Path.is_file, "pipe": Path.is_fifo, "directory": Path.is_dir}
    assert before.get(kind, Path.is_symlink)(path)
    assert kind != "file" or path.read_text() == "precious"


def test_an_output_that_appears_in_the_last_moment(tmp_path, monkeypatch, has_links):
    path = tmp_path / "out"
    refuse = files.refuse_existing

    def late(path, force):
        refuse(path, force)
        path.write_text("precious")

    monkeypatch.setattr(files, "refuse_existing", late)
    with pytest.raises(InputError, match="What was to be written is .*keras-attention-"):
        write_output(path, b"answers")
    assert path.read_text() == "precious"


@pytest.mark.parametrize("name", ["a" * 250, "b" * 255, "\u00fc" * 127, "\U0001f600" * 63])
@pytest.mark.parametrize("force", [False, True])
def test_names_as_long_as_may_be(tmp_path, name, force):
    """What is written beside them has a name that is no longer."""
    for write in (write_atomically, lambda path, data: write_output(path, data, force)):
        write(tmp_path / name, b"one")
        assert (tmp_path / name).read_bytes() == b"one"
        (tmp_path / name).unlink()
    for force_again in (False, True):
        with new_directory(tmp_path / name, force_again, lambda path: None) as directory:
            (directory / "file").write_text("x")
    assert names(tmp_path) == [name]
    others = {files.beside(tmp_path / f"{name[:-1]}{end}", ".lock").name for end in "abc"}
    assert len(others) == 3 and max(len(os.fsencode(other)) for other in others) <= 255
    assert files.beside(tmp_path / "run", ".lock").name == ".run.lock"
