"""Writing files and directories so that nobody ever sees half of one."""

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

from keras_attention._validation import InputError


def write_atomically(path, data):
    """Writes `data` (bytes) to `path`: complete and on disk, or not at all."""
    path = Path(path)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def refuse_existing(path, force):
    """Raises `InputError` if `path` exists and may not be overwritten."""
    if Path(path).exists() and not force:
        raise InputError(f"{path} already exists. Give another path, or --force to overwrite it.")


@contextmanager
def new_directory(path, force=False):
    """A temporary directory beside `path` that takes its name when the block ends without error.

    >>> with new_directory("artifact") as directory:
    ...     (directory / "file").write_text("complete or not at all")

    Raises:
        InputError: if `path` exists and `force` is not given.
    """
    path = Path(path).absolute()
    refuse_existing(path, force)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        yield temporary
        os.chmod(temporary, 0o755)
        for file in temporary.rglob("*"):
            if file.is_file():
                with open(file, "rb") as opened:
                    os.fsync(opened.fileno())
        old = None
        if path.exists():  # the old one keeps its place until the new one is complete
            refuse_existing(path, force)
            old = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.old."))
            os.replace(path, old / path.name)
        os.replace(temporary, path)
        if old is not None:
            shutil.rmtree(old)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
