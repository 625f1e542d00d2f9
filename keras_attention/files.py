"""Files written completely or not at all, and read in a sentence."""

import errno
import hashlib
import os
import re
import secrets
from contextlib import contextmanager
from pathlib import Path

from keras_attention._validation import InputError, one_line
from keras_attention.regular_file import read_regular, require_regular

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


def read_file(path):
    """The bytes of a file.

    Raises:
        InputError: if it cannot be read: it is missing, or a directory, a pipe or a device.
    """
    try:
        return read_regular(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error


def require_file(path):
    """Raises `InputError` as `read_file` does, without reading."""
    try:
        require_regular(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
