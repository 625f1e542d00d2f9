"""Directories that appear, or replace others, when they are complete."""

import ctypes
import errno
import os
import re
import secrets
import shutil
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from keras_attention._validation import InputError
from keras_attention.files import FULL, not_written, refuse_unforced, writing
from keras_attention.output_lock import output_lock

_NOT_THERE = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)


def refuse_existing_directory(path, force, sources=(), foreign=None):
    """Raises `InputError` if a directory at `path` would overwrite what it may not.

    Args:
        path: of the directory.
        force: allows it, but only for an empty directory or one of which `foreign` says nothing.
        sources: what the directory is made from. None of these may be `path` or below it, by
            whatever name. What is no path, such as a model, does not matter.
        foreign: function of a directory to what it is, as in "a directory that is no run"; or None
            where it is wholly of the kind that replaces it. By default only an empty one is.
    """
    path = Path(path)
    for source in sources:
        if isinstance(source, (str, os.PathLike)) and _holds(path, Path(source)):
            raise InputError(
                f"{path} cannot be overwritten by what is made from {source}. Give another path."
            )
    refuse_unforced(path, force)
    if not os.path.lexists(path):
        return
    if not path.exists():
        what = "a symbolic link that leads nowhere"
    elif not path.is_dir():
        what = "not a directory"
    elif any(path.iterdir()):
        what = "a directory that is not empty" if foreign is None else foreign(path)
    else:
        return
    if what is not None:
        raise InputError(f"{path} is {what}; it is not overwritten. Give another path.")


def _holds(path, source):
    """Whether `source` is `path` or below it, whatever links lead there."""
    if not path.exists():
        return False
    source = Path(os.path.realpath(source))
    return any(p.exists() and p.samefile(path) for p in (source, *source.parents))


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


@contextmanager
def new_directory(path, force=False, foreign=None, lock=None):
    """A temporary directory beside `path`. It is renamed to `path` if the block raises no error.

    Nobody else writes `path` meanwhile (`output_lock`). Where Linux can exchange two names at once,
    `path` is always there: a reader finds the old directory or the new one. Elsewhere an old one is
    put aside before. The next call for the same `path` removes what a killed process has left, and
    brings an old directory back that is aside.

    >>> with new_directory("artifact") as directory:
    ...     (directory / "file").write_text("complete or not at all")

    Args:
        path: of the directory; those above it are made.
        force, foreign: see `refuse_existing_directory`.
        lock: what `output_lock(path)` has given to the caller; by default it is taken here.

    Raises:
        InputError: if `path` may not be overwritten, another process writes it, or it cannot be
            written because the disk is full or its parent is read-only. Where an old directory
            could not be put back, the message says where it is.
    """
    path = Path(path).absolute()
    with output_lock(path) if lock is None else nullcontext(lock) as is_locked:
        with writing(path):
            if is_locked:
                recover(path)
            refuse_existing_directory(path, force, foreign=foreign)
            temporary = _make_beside(path, "new")
        try:
            yield temporary
            with writing(path):
                _sync(temporary)
                refuse_existing_directory(path, force, foreign=foreign)
                replace(temporary, path)
        except BaseException as error:
            _remove(temporary)
            # Other errors may come from files that the block reads.
            if isinstance(error, OSError) and error.errno in FULL:
                raise not_written(path, error) from error
            if type(error) is InputError and str(temporary) in str(error):  # a name nobody knows
                raise InputError(str(error).replace(str(temporary), str(path))) from error
            raise


def _sync(directory):
    """Has the disk hold all files below a directory."""
    for file in directory.rglob("*"):
        if file.is_file():
            with open(file, "rb") as opened:
                os.fsync(opened.fileno())


def replace(temporary, path):
    """Renames the directory `temporary` to `path`. What `path` was is removed only after that."""
    if not os.path.lexists(path):
        os.replace(temporary, path)
    elif _exchange(temporary, path):
        _remove(temporary)  # which is now what was replaced
    else:
        _replace_in_turn(temporary, path)


def _exchange(one, other):
    """Gives two paths each other's name at once; False where the system cannot."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):  # another C library, or another system
        return False
    here, exchange = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux
    if rename(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0:
        return True
    error = ctypes.get_errno()
    if error in _NOT_THERE:
        return False
    raise OSError(error, os.strerror(error), str(other))


def _replace_in_turn(temporary, path):
    aside = _make_beside(path, "old")
    try:
        os.replace(path, aside / path.name)
        os.replace(temporary, path)
    except BaseException as error:
        try:
            _put_back(aside, path)
        except OSError as second:  # nothing may remove the only copy
            raise InputError(
                f"{path} cannot be written: {getattr(error, 'strerror', None) or error}. What was "
                f"there could not be put back ({second.strerror}): it is {aside / path.name}."
            ) from error
        with suppress(OSError):
            aside.rmdir()
        raise
    _remove(aside)


def _put_back(aside, path):
    # A link counts itself: where it is relative, it leads nowhere while it is aside.
    if os.path.lexists(aside / path.name) and not os.path.lexists(path):
        os.replace(aside / path.name, path)


def _make_beside(path, use):
    directory = path.with_name(f".{path.name}.{use}-{secrets.token_hex(4)}")
    directory.mkdir()  # with the mode that the umask leaves
    return directory


def _remove(path):
    if path.is_symlink():
        path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)


def recover(path):
    """Removes what processes that have ended left beside `path`, and puts back what is aside.

    Whoever calls it holds the lock of `path`, so that nobody else is writing it. Neither the name
    of a machine nor the number of a process says that: those of containers are all the same.
    """
    path = Path(path).absolute()
    # Former versions put the name of the machine and the number of the process into the name.
    leftover = re.compile(re.escape(f".{path.name}.") + r"(new|old)-(?:[\w.-]+-\d+-)?[0-9a-z_]{8}")
    found = [name for name in os.listdir(path.parent) if leftover.fullmatch(name)]
    for name in sorted(found, reverse=True):  # what is aside first
        directory = path.parent / name
        if name.startswith(f".{path.name}.old-"):
            _put_back(directory, path)
        _remove(directory)
