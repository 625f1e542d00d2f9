"""Files written completely or not at all, and compared with their digests."""

import errno
import hashlib
import os
import re
import secrets
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from keras_attention._validation import InputError, one_line
from keras_attention.json_file import shortened

_MOUNTS = Path("/proc/self/mountinfo")  # of Linux

LONGEST_NAME = 255  # bytes, of one file or directory

# A full disk, a full quota, a file over the size limit.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def writing(path):
    """Turns an `OSError` in the block into an `InputError`: `path` cannot be written, and why."""
    try:
        yield
    except OSError as error:
        raise not_written(path, error) from error


def not_written(path, error):
    """The `InputError` that says that `path` cannot be written, because of an `OSError`."""
    return InputError(f"{path} cannot be written: {error.strerror or one_line(error)}.")


def write_atomically(path, data):
    """Writes `data` (bytes) to `path`: complete and on disk, or not at all.

    The mode of the file follows the umask, as that of any new file.

    Raises:
        InputError: if the disk is full or the directory is read-only.
    """
    path = Path(path)
    with writing(path):
        temporary = _write_beside(path, data)
        try:
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def write_output(path, data, force=False):
    """Writes `data` (bytes) to an output that the user names: complete and on disk, or not at all.

    Whoever has asked `require_writable` before long work has an answer of then. So this asks again
    while it writes. Without `force` the file gets its name only if nothing else has it.

    Raises:
        InputError: if `path` may not be overwritten, or the file cannot get its name. The message
            says where the data are.
    """
    path = Path(path)
    with writing(path):
        temporary = _write_beside(path, data)
    try:
        with writing(path):
            refuse_existing(path, force)
            if force:
                os.replace(temporary, path)
            else:
                _name_anew(temporary, path)
    except InputError as error:
        raise InputError(f"{error} What was to be written is {temporary}.") from error


def _write_beside(path, data):
    """The name of a temporary file, which is complete and on disk."""
    temporary = temporary_name(path)
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _name_anew(temporary, path):
    """Renames a file unless `path` exists, at once: `os.replace` would overwrite it."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        refuse_existing(path, force=False)
        raise  # it has gone again
    except OSError:  # the filesystem has no links: an empty file takes the name first
        with open(path, "xb"):
            pass
        os.replace(temporary, path)
    else:
        temporary.unlink()


def temporary_name(path, suffix=""):
    """A new name beside `path`, for what is renamed to it when it is complete.

    `is_temporary` knows what a killed process has left under such a name.
    """
    return beside(path, f".keras-attention-{secrets.token_hex(4)}{suffix}")


def beside(path, ending):
    """The path `.NAME` with an ending, beside `path`, whose name is NAME.

    Of a name that would become longer than file systems take, the end gives way to a part of its
    sha256.
    """
    path = Path(path)
    name, room = path.name, LONGEST_NAME - len(os.fsencode(f".{ending}"))
    if len(os.fsencode(name)) > room:
        mark = f"~{hashlib.sha256(os.fsencode(name)).hexdigest()[:8]}"
        while len(os.fsencode(name)) > room - len(mark):
            name = name[:-1]
        name += mark
    return path.with_name(f".{name}{ending}")


def is_temporary(name):
    """The name for which a file's `name` is a temporary one, as `temporary_name` makes; or None.

    >>> is_temporary(".config.json.keras-attention-0a1b2c3d")
    'config.json'
    """
    match = re.fullmatch(r"\.(.+)\.keras-attention-[0-9a-f]{8}(\.keras)?", name)
    return match and match[1] + (match[2] or "")


def refuse_existing(path, force):
    """Raises `InputError` if a file at `path` would overwrite what it may not.

    `force` allows it, but only for a file: a device, a pipe or a link that leads nowhere would be
    gone with its name.
    """
    if Path(path).is_dir():
        raise InputError(f"{path} is a directory; the output needs the name of a file.")
    what = None
    if os.path.lexists(path) and not Path(path).is_file():
        link = "a symbolic link that leads nowhere"
        what = "not a regular file" if Path(path).exists() else link
    refuse_kept(path, force, what)


def refuse_kept(path, force, what):
    """Raises `InputError` if there is something at `path` that is kept.

    Args:
        path: of a file or a directory.
        force: whether the user allows to overwrite it.
        what: what it is that even `force` does not overwrite, for the message; None if it does. No
            message advises `force` where that would be refused.
    """
    # A link that leads nowhere is someone's too.
    if what is not None:
        exists = "is" if force else "already exists and is"
        raise InputError(f"{path} {exists} {what}; it is not overwritten. Give another path.")
    if os.path.lexists(path) and not force:
        raise InputError(f"{path} already exists. Give another path, or `force` to overwrite it.")


def require_writable(path, force):
    """Raises `InputError` unless a file can be written at `path`."""
    refuse_existing(path, force)
    path = Path(path)
    if not path.absolute().parent.is_dir():
        raise InputError(f"{path}: there is no directory {path.parent}.")


def other_names(directory, is_own):
    """The first names below a directory that are not its own, for messages; "" where all are.

    Args:
        directory: path.
        is_own: function of a path below it, "like/this", to whether it is. Empty directories do not
            matter.
    """
    others = []
    for folder, folders, names in os.walk(directory):
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        paths = [Path(folder, name).relative_to(directory).as_posix() for name in names + links]
        others += [path for path in paths if not is_own(path)]
    more = f" and {len(others) - 3} more" if len(others) > 3 else ""
    return ", ".join(sorted(others)[:3]) + more


def is_volume_root(path):
    """Whether a directory is one where something is mounted. Such a one cannot be renamed."""
    try:  # it knows of what is mounted from the same filesystem too
        lines = _MOUNTS.read_bytes().splitlines()
    except OSError:
        return os.path.ismount(path)
    octal = lambda match: bytes([int(match[1], 8)])  # noqa: E731
    found = {re.sub(rb"\\(\d{3})", octal, line.split()[4]) for line in lines}
    return os.fsencode(os.path.realpath(path)) in found


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
