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
from keras_attention.json_file import is_string, json_object_or_empty, shortened

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
    """Raises `InputError` if a file at `path` would overwrite what it may not.

    `force` allows it, but only for a file: a device or a pipe would be gone with its name.
    """
    _refuse_unforced(path, force)
    if Path(path).is_dir():
        raise InputError(f"{path} is a directory; the output needs the name of a file.")
    if Path(path).exists() and not Path(path).is_file():
        raise InputError(f"{path} is not a regular file; it is not overwritten. Give another path.")


def _refuse_unforced(path, force):
    # A link that leads nowhere is someone's too.
    if os.path.lexists(path) and not force:
        raise InputError(f"{path} already exists. Give another path, or `force` to overwrite it.")


def require_writable(path, force):
    """Raises `InputError` unless a file can be written at `path`."""
    refuse_existing(path, force)
    path = Path(path)
    if not path.absolute().parent.is_dir():
        raise InputError(f"{path}: there is no directory {path.parent}.")


def _is_run_or_artifact(path):
    # Other programs have files of these names. A run has its tokenizer from its first moment on.
    manifest = json_object_or_empty(path / "manifest.json")
    config = json_object_or_empty(path / "config.json")
    return (is_string(manifest.get("kind")) and isinstance(manifest.get("files"), dict)) or (
        is_string(config.get("kind")) and (path / "tokenizer").is_dir()
    )


# What a directory may replace: a function that knows it, and what all else is called.
RUN_OR_ARTIFACT = (_is_run_or_artifact, "neither a run nor an artifact")


def refuse_existing_directory(path, force, sources=(), replaceable=RUN_OR_ARTIFACT):
    """Raises `InputError` if a directory at `path` would overwrite what it may not.

    Args:
        path: of the directory.
        force: allows it, but only for an empty directory or one that is `replaceable`.
        sources: what the directory is made from. None of these may be `path` or below it, by
            whatever name. What is no path, such as a model, does not matter.
        replaceable: such as `RUN_OR_ARTIFACT`.
    """
    path = Path(path)
    for source in sources:
        if isinstance(source, (str, os.PathLike)) and _holds(path, Path(source)):
            raise InputError(
                f"{path} cannot be overwritten by what is made from {source}. Give another path."
            )
    _refuse_unforced(path, force)
    if not os.path.lexists(path):
        return
    if not path.exists():
        what = "a symbolic link that leads nowhere"
    elif not path.is_dir():
        what = "not a directory"
    elif any(path.iterdir()) and not replaceable[0](path):
        what = f"a directory that is {replaceable[1]}"
    else:
        return
    raise InputError(f"{path} is {what}; it is not overwritten. Give another path.")


def _holds(path, source):
    """Whether `source` is `path` or below it, whatever links lead there."""
    if not path.exists():
        return False
    source = Path(os.path.realpath(source))
    return any(p.exists() and p.samefile(path) for p in (source, *source.parents))


@contextmanager
def new_directory(path, force=False, replaceable=RUN_OR_ARTIFACT):
    """A temporary directory beside `path`. It is renamed to `path` if the block raises no error.

    The temporary name holds the process id. The next call for the same `path` removes what a killed
    process left. If that process was killed while it replaced `path`, the old directory comes back.

    >>> with new_directory("artifact") as directory:
    ...     (directory / "file").write_text("complete or not at all")

    Raises:
        InputError: if `path` may not be overwritten (see `refuse_existing_directory`), or if it
            cannot be written because the disk is full or its parent is read-only.
    """
    path = Path(path).absolute()
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        refuse_existing_directory(path, force, replaceable=replaceable)
        temporary = _make_beside(path, "new")
    try:
        yield temporary
        with writing(path):
            os.chmod(temporary, 0o755)
            for file in temporary.rglob("*"):
                if file.is_file():
                    with open(file, "rb") as opened:
                        os.fsync(opened.fileno())
            refuse_existing_directory(path, force, replaceable=replaceable)
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
    # A link counts itself: where it is relative, it leads nowhere while it is aside.
    if os.path.lexists(aside / path.name) and not os.path.lexists(path):
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
