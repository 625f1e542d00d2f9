"""Files and directories written completely or not at all, and compared with their digests."""

import errno
import hashlib
import os
import re
import shutil
import socket
import tempfile
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from keras_attention._validation import InputError, one_line
from keras_attention.json_file import shortened

MARKERS = ("manifest.json", "config.json")  # of an artifact, and of a run directory


# A full disk, a full quota, a file over the size limit.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def writing(path):
    """Turns an `OSError` in the block into an `InputError`: `path` cannot be written, and why."""
    try:
        yield
    except OSError as error:
        raise _not_written(path, error) from error


def _not_written(path, error):
    return InputError(f"{path} cannot be written: {error.strerror or one_line(error)}.")


def write_atomically(path, data):
    """Writes `data` (bytes) to `path`: complete and on disk, or not at all.

    Raises:
        InputError: if the disk is full or the directory is read-only.
    """
    path = Path(path)
    with writing(path):
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
    """Raises `InputError` if `path` exists and may not be overwritten.

    `force` allows it, but never for a directory that is neither a run nor an artifact.
    """
    path = Path(path)
    if path.exists() and not force:
        raise InputError(f"{path} already exists. Give another path, or `force` to overwrite it.")
    if path.is_dir() and any(path.iterdir()) and not any((path / m).exists() for m in MARKERS):
        raise InputError(
            f"{path} is a directory that is neither a run nor an artifact; it is not overwritten. "
            "Give another path."
        )


def require_writable(path, force):
    """Raises `InputError` unless a file can be written at `path`."""
    refuse_existing(path, force)
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path} is a directory; the picture needs the name of a file.")
    if not path.absolute().parent.is_dir():
        raise InputError(f"{path}: there is no directory {path.parent}.")


@contextmanager
def new_directory(path, force=False):
    """A temporary directory beside `path`. It is renamed to `path` if the block raises no error.

    The temporary name holds the process id. The next call for the same `path` removes what a killed
    process left. If that process was killed while it replaced `path`, the old directory comes back.

    >>> with new_directory("artifact") as directory:
    ...     (directory / "file").write_text("complete or not at all")

    Raises:
        InputError: if `path` exists and `force` is false, or if it cannot be written because the
            disk is full or its parent is read-only.
    """
    path = Path(path).absolute()
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        refuse_existing(path, force)
        temporary = _make_beside(path, "new")
    try:
        yield temporary
        with writing(path):
            os.chmod(temporary, 0o755)
            for file in temporary.rglob("*"):
                if file.is_file():
                    with open(file, "rb") as opened:
                        os.fsync(opened.fileno())
            refuse_existing(path, force)
            _replace(temporary, path)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        # Other errors may come from files that the block reads.
        if isinstance(error, OSError) and error.errno in FULL:
            raise _not_written(path, error) from error
        if type(error) is InputError and str(temporary) in str(error):  # a name nobody knows
            raise InputError(str(error).replace(str(temporary), str(path))) from error
        raise


def _replace(temporary, path):
    """Renames `temporary` to `path`. An old `path` is removed only after that."""
    if not path.exists():
        os.replace(temporary, path)
        return
    aside = _make_beside(path, "old")
    try:
        os.replace(path, aside / path.name)
        os.replace(temporary, path)
    except BaseException:
        _put_back(aside, path)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _put_back(aside, path):
    if (aside / path.name).exists() and not path.exists():
        os.replace(aside / path.name, path)


def _prefix(path, use):
    # The host, because a process id says nothing on another machine that shares the disk.
    return f".{path.name}.{use}-{socket.gethostname()}-"


def _make_beside(path, use):
    return Path(tempfile.mkdtemp(dir=path.parent, prefix=f"{_prefix(path, use)}{os.getpid()}-"))


def _sweep(path):
    """Removes what processes that have ended left beside `path`."""
    for use in ("old", "new"):
        leftover = re.compile(re.escape(_prefix(path, use)) + r"(\d+)-\w+")
        for directory in path.parent.iterdir():
            match = leftover.fullmatch(directory.name)
            if match and not _is_alive(int(match.group(1))):
                _put_back(directory, path)
                shutil.rmtree(directory, ignore_errors=True)


def _is_alive(process_id):
    try:
        os.kill(process_id, 0)  # sends nothing
    except ProcessLookupError:
        return False
    except OSError:  # it exists and is someone else's
        return True
    return True


def file_digests(directory):
    """The sha256 and size of every file below `directory` but the manifest itself."""
    directory = Path(directory)
    return {name: digest(directory / name) for name in file_names(directory)}


def digest(path):
    """The sha256 and the size of a file, as `file_digests` has them."""
    return {"sha256": _sha256(path), "bytes": Path(path).stat().st_size}


def file_names(directory):
    """The paths, relative to it, of all files below `directory` but the manifest."""
    directory = Path(directory)
    return [
        path.relative_to(directory).as_posix()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path != directory / "manifest.json"
    ]


def _sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_entries(entries, name):
    """Raises `InputError` unless `entries` are digests of files below a directory.

    Args:
        entries: what should be a dict of path -> `{"sha256": ..., "bytes": ...}`.
        name: of the file that they stand in, for the message.
    """
    if not isinstance(entries, dict):
        raise InputError(
            f"{name}: expected the digests of files by their paths. Received: {shortened(entries)}"
        )
    for file, entry in entries.items():
        parts = PurePosixPath(file).parts
        if not parts or file.startswith("/") or ".." in parts or "\0" in file:
            raise InputError(
                f"{name}: expected paths below its directory. Received: {shortened(file)}"
            )
        if not isinstance(entry, dict) or not _is_digest(**entry):
            raise InputError(
                f"{name}: expected the sha256 and the bytes of {shortened(file)}. "
                f"Received: {shortened(entry)}"
            )


def _is_digest(sha256=None, bytes=None, **others):
    return isinstance(sha256, str) and type(bytes) is int and not others


def verify_entries(directory, entries, source):
    """Raises `InputError`, naming them all, unless files are as their digests say.

    Args:
        directory: path.
        entries: dict of path below it -> digest, after `require_entries`.
        source: what says so, for the message.
    """
    problems = []
    for name, entry in entries.items():
        path = Path(directory) / name
        if not path.is_file():
            problems.append(f"{name} is missing")
        elif path.stat().st_size != entry["bytes"]:
            size = path.stat().st_size
            problems.append(f"{name} has {size:,} bytes instead of {entry['bytes']:,}")
        elif _sha256(path) != entry["sha256"]:
            problems.append(f"{name} has been changed")
    if problems:
        raise InputError(f"{directory} is not as {source}: {'; '.join(problems)}.")
