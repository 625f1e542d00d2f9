"""Directories that appear, or replace others, when they are complete."""

import ctypes
import errno
import os
import re
import secrets
import shutil
import warnings
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from keras_attention._validation import InputError
from keras_attention.files import (
    FULL,
    beside,
    is_volume_root,
    not_written,
    refuse_kept,
    writing,
)
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
    what = None
    if os.path.lexists(path):
        what = _what(path, foreign)
        if what is None and not os.path.islink(path) and is_volume_root(path):
            what = "the root of a volume, which no directory replaces; one below it can be made"
    refuse_kept(path, force, what)


def require_replaceable(path):
    """Raises `InputError` if no other directory can take the place of the directory `path`.

    Before long work, which would end with this. A volume of a container is such a one.
    """
    path = Path(os.path.realpath(path))
    if is_volume_root(path):
        what = "it is the root of a volume"
    elif not os.access(path.parent, os.W_OK):
        what = f"{path.parent} may not be written"
    else:
        return
    raise InputError(
        f"{path} cannot be replaced by what is made anew, because {what}. Copy it to another path, "
        "and give that."
    )


def _what(path, foreign):
    """What there is at `path` that is never overwritten, or None."""
    if not path.exists():
        return "a symbolic link that leads nowhere"
    if not path.is_dir():
        return "not a directory"
    if not any(path.iterdir()):
        return None
    return "a directory that is not empty" if foreign is None else foreign(path)


def _holds(path, source):
    """Whether `source` is `path` or below it, whatever links lead there."""
    if not path.exists():
        return False
    source = Path(os.path.realpath(source))
    return any(p.exists() and p.samefile(path) for p in (source, *source.parents))


class _OnlyCopy(InputError):
    """Says where something is that nothing may remove."""


@contextmanager
def new_directory(path, force=False, foreign=None, lock=None):
    """A temporary directory beside `path`. It is renamed to `path` if the block raises no error.

    Nobody else writes `path` meanwhile (`output_lock`). Where Linux can exchange two names at once,
    `path` is always there: a reader finds the old directory or the new one. Elsewhere an old one is
    put aside before. The next call for the same `path` removes what a killed process has left, and
    brings an old directory back that is aside. What was not replaced is never removed.

    >>> with new_directory("artifact") as directory:
    ...     (directory / "file").write_text("complete or not at all")

    Args:
        path: of the directory; those above it are made.
        force, foreign: see `refuse_existing_directory`. `foreign` is asked again of what has just
            been replaced, at its other name, so that nothing written meanwhile is lost.
        lock: what `output_lock(path)` has given to the caller; by default it is taken here.

    Raises:
        InputError: if `path` may not be overwritten, another process writes it, or it cannot be
            written because the disk is full or its parent is read-only. Where an old directory
            could not be put back, the message says where it is.
    """
    path = Path(path).absolute()
    with output_lock(path) if lock is None else nullcontext(lock) as lock:
        with writing(path):
            if lock:
                recover(path, lock, force)
            refuse_existing_directory(path, force, foreign=foreign)
            temporary = _make_beside(path, "new", lock)
        try:
            yield temporary
            with writing(path):
                _sync(temporary)
                refuse_existing_directory(path, force, foreign=foreign)
                replace(temporary, path, foreign, lock)
        except BaseException as error:
            if not isinstance(error, _OnlyCopy):
                _remove(temporary)
            # Other errors may come from files that the block reads.
            if isinstance(error, OSError) and error.errno in FULL:
                raise not_written(path, error) from error
            if type(error) is InputError and str(temporary) in str(error):  # a name nobody knows
                raise InputError(str(error).replace(str(temporary), str(path))) from error
            raise
        for kept in _aside(path):
            warnings.warn(
                f"{kept / path.name} may be what {path} was before something failed: it is kept. "
                "Remove it if you do not need it.",
                stacklevel=3,
            )


def _sync(directory):
    """Has the disk hold all files below a directory."""
    for file in directory.rglob("*"):
        if file.is_file():
            with open(file, "rb") as opened:
                os.fsync(opened.fileno())


def replace(temporary, path, foreign=None, lock=None):
    """Renames the directory `temporary` to `path`. What `path` was is removed only after that.

    Args:
        temporary, path: of the directories, side by side.
        foreign: see `new_directory`.
        lock: the `OutputLock` that knows `temporary`, or what is false.
    """
    if not os.path.lexists(path):
        os.replace(temporary, path)
        return
    if lock:
        lock.forget(temporary)  # from now on it may be the only copy
    if _exchange(temporary, path):
        _require_as_checked(temporary, path, foreign)
        if lock:
            lock.note(temporary)
        _remove(temporary)  # which is now what was replaced
    else:
        _replace_in_turn(temporary, path, foreign, lock)


def _require_as_checked(old, path, foreign):
    """Raises after it has exchanged them back unless `old`, which `path` was, may be replaced."""
    if old.is_symlink():  # what it leads to is not removed
        return
    try:
        refuse_kept(path, True, _what(old, foreign))
    except BaseException:
        try:
            _exchange(old, path)
        except OSError as error:
            raise _OnlyCopy(
                f"{path} was written to while it was replaced, and could not be put back "
                f"({error.strerror}): it is {old}."
            ) from error
        raise


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


def _replace_in_turn(temporary, path, foreign, lock):
    aside = _make_beside(path, "old")
    old = aside / path.name
    try:
        os.replace(path, old)
        if not old.is_symlink():  # see `_require_as_checked`
            refuse_kept(path, True, _what(old, foreign))
        os.replace(temporary, path)
    except BaseException as error:
        try:
            is_back, why = _put_back(aside, path), f"there is another {path.name} by now"
        except OSError as second:
            is_back, why = False, second.strerror
        if not is_back:  # nothing may remove the only copy
            raise InputError(
                f"{path} cannot be written: {getattr(error, 'strerror', None) or error}. What was "
                f"there could not be put back ({why}): it is {old}."
            ) from error
        raise
    if lock:
        lock.note(aside)
    _remove(aside)


def _put_back(aside, path):
    """Renames what is aside to `path`, and removes the empty directory; whether nothing is left."""
    # A link counts itself: where it is relative, it leads nowhere while it is aside.
    if os.path.lexists(aside / path.name):
        if os.path.lexists(path):
            return False
        os.replace(aside / path.name, path)
    with suppress(OSError):
        aside.rmdir()
    return True


def _make_beside(path, use, lock=None):
    token = "0"
    while token.isdigit():  # as in the names of other people's copies, with the day
        token = secrets.token_hex(4)
    directory = beside(path, f".{use}-{token}")
    if lock:
        lock.note(directory)  # before it is there: else nobody would know it
    directory.mkdir()  # with the mode that the umask leaves
    return directory


def _form(path, use):
    """The pattern of the names that `_make_beside` makes."""
    name = beside(path, ".new-" + "0" * 8).name.removesuffix("new-" + "0" * 8)
    return re.compile(re.escape(name) + use + r"-(?=\d*[a-f])[0-9a-f]{8}")


def _remove(path):
    if path.is_symlink():
        path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)


def recover(path, lock=None, force=False):
    """Removes what processes that have ended left beside `path`, and puts back what is aside.

    Where `path` is a link, this concerns what it leads to as well. Only what is noted in the lock
    is removed. Neither the name of a machine nor the number of a process says that its process has
    ended: those of containers are all the same.

    Args:
        path: of a directory, whose lock the caller holds.
        lock: what `output_lock(path)` gave.
        force: whether `path` is about to be overwritten. Then nothing is put back, and so nothing
            that is aside is lost.
    """
    path = Path(path).absolute()
    for one in dict.fromkeys((path, Path(os.path.realpath(path)))):
        for left in lock.noted() if lock else ():
            is_beside = os.path.realpath(left.parent) == os.path.realpath(one.parent)
            if is_beside and _form(one, "(new|old)").fullmatch(left.name) and os.path.lexists(left):
                _remove(left)
        aside = [] if force or os.path.lexists(one) else _aside(one)
        if aside:
            _put_back(max(aside, key=lambda found: found.stat().st_mtime), one)


def _aside(path):
    """The directories beside `path` that `_replace_in_turn` may have put an older one into."""
    with suppress(OSError):  # where a link leads nowhere
        found = [one for one in path.parent.iterdir() if _form(path, "old").fullmatch(one.name)]
        return [one for one in found if one.is_dir() and os.listdir(one) == [path.name]]
    return []
