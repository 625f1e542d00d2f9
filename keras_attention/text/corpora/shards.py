"""The files of a corpus that is split into shards."""

import glob
from pathlib import Path

from keras_attention._validation import InputError


def find_shards(pattern):
    """The shards that a path names, in sorted order.

    Args:
        pattern: a file, a directory (all its files but hidden ones), or a glob pattern in which
            `**` stands for any directories.

    Returns:
        List of paths, as strings; a path without wildcards is returned whether it exists or not.

    Raises:
        InputError: if a directory has no file, or no file matches.
    """
    path = Path(pattern)
    if path.is_dir():
        found = [file for file in path.iterdir() if not file.name.startswith(".")]
        where = "a directory without files"
    elif path.exists() or not glob.has_magic(str(pattern)):
        return [str(pattern)]
    else:
        found = [Path(name) for name in glob.glob(str(pattern), recursive=True)]
        where = "no file matches"
    shards = sorted(str(file) for file in found if file.is_file())
    if not shards:
        raise InputError(f"{pattern}: {where}.")
    return shards


def find_parallel_shards(source, target):
    """The shards of two sides of a parallel corpus, the first of one with the first of the other.

    Args:
        source, target: see `find_shards`.

    Returns:
        List of `(source path, target path)`.

    Raises:
        InputError: if a side has no file, or one has more files than the other.
    """
    sources, targets = find_shards(source), find_shards(target)
    if len(sources) != len(targets):
        alone = (sources if len(sources) > len(targets) else targets)[
            min(len(sources), len(targets))
        ]
        raise InputError(
            f"{source} has {len(sources):,} shards and {target} has {len(targets):,}; each needs a "
            f"partner in sorted order, and {alone} has none."
        )
    return list(zip(sources, targets, strict=True))
