"""Which files are a run's own, and how several of them are changed at once."""

import contextlib
import os
import re
import shutil
from pathlib import Path

from keras_attention.files import is_temporary
from keras_attention.json_file import is_string, json_object_or_empty
from keras_attention.new_directory import new_directory, other_names
from keras_attention.output_lock import INSIDE

# What trainings write beside the tokenizer, as patterns of the paths below the run directory.
_OWN = (
    r"(config|digests|data|corpus|scores)\.json|model\.keras|history\.csv|confusion\.png",
    r"snapshots/(step-\d+|averaging/epoch-\d+|best/best(-\d+)?)\.safetensors|snapshots/config\.json",
    r"logs/(.*/)?events\.out\.tfevents\.[^/]*",
    re.escape(INSIDE),
)


def foreign_to_run(directory):
    """What a directory is that no run may replace; None of one that is wholly a run."""
    directory = Path(directory)
    config = json_object_or_empty(directory / "config.json")
    # Other programs have files of this name. A run has its tokenizer from its first moment on.
    if not is_string(config.get("kind")) or not (directory / "tokenizer").is_dir():
        return "a directory that is no run"
    digests = json_object_or_empty(directory / "digests.json")

    def is_own(path):
        folder, _, name = path.rpartition("/")
        path = f"{folder}/{is_temporary(name) or name}".lstrip("/")
        if folder == "tokenizer" and not digests:  # of a former version, and not finished
            return True
        return path in digests or any(re.fullmatch(pattern, path) for pattern in _OWN)

    others = other_names(directory, is_own)
    return f"a run that also holds {others}" if others else None


@contextlib.contextmanager
def changed_run(run, without=(), lock=None):
    """A copy of a run directory, which takes its place when the block ends.

    So files that belong together change together: whoever reads the run, and whoever is killed,
    finds all of the old ones or all of the new. The copy consists of links to the same files, which
    cost nothing. A file is changed by another one of its name, never in its place.

    Args:
        run: path.
        without: names of files that the copy lacks.
        lock: see `new_directory`.

    Yields:
        The path of the copy.
    """
    run = os.path.realpath(run)  # a link stays one
    with new_directory(run, force=True, foreign=lambda path: None, lock=lock) as copy:
        shutil.copytree(
            run,
            copy,
            symlinks=True,
            ignore=lambda folder, names: [name for name in names if name in without],
            copy_function=_link,
            dirs_exist_ok=True,
        )
        yield copy


def _link(source, target):
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # the filesystem has no links
        shutil.copy2(source, target, follow_symlinks=False)
