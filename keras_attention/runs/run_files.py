"""Which files are a run's own, and how several of them are changed at once."""

import contextlib
import os
import re
import shutil
from pathlib import Path

from keras_attention._validation import InputError
from keras_attention.digests import require_entries
from keras_attention.files import is_temporary, other_names, temporary_name
from keras_attention.json_file import is_string, json_object_or_empty
from keras_attention.new_directory import new_directory
from keras_attention.output_lock import INSIDE, is_lock

# What trainings write beside the tokenizer, as patterns of the paths below the run directory.
_OWN = (
    r"(config|digests|data|corpus|scores)\.json|model\.keras|history\.csv|confusion\.png",
    r"snapshots/(step-\d+|averaging/epoch-\d+|best/best(-\d+)?)\.safetensors|snapshots/config\.json",
    r"snapshots/tokens/(train|valid)/(tokens\.bin|documents\.bin|(tokens|digests)\.json)",
    r"logs/(.*/)?events\.out\.tfevents\.[^/]*",
)


def foreign_to_run(directory):
    """What a directory is that no run may replace; None of one that is wholly a run.

    Other programs have files named config.json too, and some of them speak of a `kind`. The digests
    tell a run from these, of whatever task it is: they name config.json and the tokenizer's files,
    which a run has from its first moment on.
    """
    directory = Path(directory)
    kind = json_object_or_empty(directory / "config.json").get("kind")
    digests = json_object_or_empty(directory / "digests.json")
    is_run = is_string(kind) and (directory / "tokenizer").is_dir()
    if not is_run or not _has_digests(digests):
        return "a directory that is no run"

    def is_own(path):
        if path == INSIDE:
            return is_lock(directory / path)
        return is_named_by_run(path) or (path.startswith("tokenizer/") and path in digests)

    others = other_names(directory, is_own)
    return f"a run that also holds {others}" if others else None


def is_named_by_run(path):
    """Whether trainings write files of this path below a run, whole or half written."""
    folder, _, name = path.rpartition("/")
    path = f"{folder}/{is_temporary(name) or name}".lstrip("/")
    return any(re.fullmatch(pattern, path) for pattern in _OWN)


def _has_digests(digests):
    """Whether these are digests of a run's files, such as no other program writes."""
    with contextlib.suppress(InputError):
        require_entries(digests, "digests.json")
        has_tokenizer = any(name.startswith("tokenizer/") for name in digests)
        return "config.json" in digests and has_tokenizer
    return False


def remove_half_written(run):
    """Removes what killed processes have left of the files that they were writing into a run."""
    run = Path(run)
    for left in [*run.iterdir(), *run.glob("snapshots/**/*")]:
        if is_temporary(left.name) and is_named_by_run(left.relative_to(run).as_posix()):
            with contextlib.suppress(FileNotFoundError, IsADirectoryError):
                left.unlink()


@contextlib.contextmanager
def changed_run(run, without=(), lock=None):
    """A copy of a run directory, which takes its place when the block ends.

    So files that belong together change together: whoever reads the run, and whoever is killed,
    finds all of the old ones or all of the new. The copy consists of links to the same files, which
    cost nothing. A file is changed by another one of its name, never in its place.

    What others write into the run meanwhile is part of the new one too. Where they change a file
    that the block changes, nothing is replaced.

    Args:
        run: path.
        without: names of files that the copy lacks.
        lock: see `new_directory`.

    Yields:
        The path of the copy.

    Raises:
        InputError: see `new_directory`; or if others change the same files meanwhile.
    """
    run = Path(os.path.realpath(run))  # a link stays one
    before, begun = {}, None

    def carried_over(directory):
        if begun is None:
            return
        both = _carry_over(Path(directory), run if directory == copy else copy, before, begun)
        if both:
            raise InputError(
                f"{run} was written to by somebody else meanwhile: {', '.join(sorted(both))}. "
                "Nothing is replaced. See to it that nobody does, and try again."
            )

    with new_directory(run, force=True, foreign=carried_over, lock=lock) as copy:
        before = _stamps(run)
        shutil.copytree(
            run,
            copy,
            symlinks=True,
            ignore=lambda folder, names: [name for name in names if name in without],
            copy_function=_link,
            dirs_exist_ok=True,
        )
        begun = _stamps(copy)
        yield copy


def _stamps(directory):
    """By path below a directory, what changes when that file is written."""
    found = {}
    for folder, folders, names in os.walk(directory):
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        for name in names + links:
            path = os.path.join(folder, name)
            with contextlib.suppress(FileNotFoundError):
                found[os.path.relpath(path, directory)] = _stamp(path)
    return found


def _stamp(path):
    said = os.lstat(path)
    return said.st_ino, said.st_size, said.st_mtime_ns


def _carry_over(old, new, before, begun):
    """Gives `new` what has been written into `old` since it had the stamps `before`.

    Args:
        old, new: a run and its changed copy.
        before, begun: their stamps when the copy was made. They change with what is carried over.

    Returns:
        The names of the files that both have changed. If there are any, nothing is carried over.
    """
    now, changed = _stamps(old), _stamps(new)
    # What is linked is one file, whoever writes it.
    late = [
        name
        for name, stamp in now.items()
        if stamp != before.get(name) and stamp[0] != changed.get(name, (None,))[0]
    ]
    both = [name for name in late if changed.get(name) != begun.get(name)]
    for name in [] if both else late:
        (new / name).parent.mkdir(parents=True, exist_ok=True)
        temporary = temporary_name(new / name)
        with contextlib.suppress(FileNotFoundError):  # it has gone again
            _link(old / name, temporary)
            os.replace(temporary, new / name)
            before[name], begun[name] = now[name], _stamp(new / name)
    return both


def _link(source, target):
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # the filesystem has no links
        shutil.copy2(source, target, follow_symlinks=False)
