import os

import pytest

from keras_attention._validation import InputError
from keras_attention.files import (
    is_temporary,
    refuse_existing,
    require_writable,
    temporary_name,
    write_atomically,
)


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
        for path in (file, empty, pipe):
            with pytest.raises(InputError, match="already exists. Give another path, or `force`"):
                refuse(path, force=False)
