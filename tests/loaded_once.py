"""`keras_attention.load` for tests that ask one model many things: a process loads it once.

A loaded model traces its graph when its first text comes, which takes most of the time of a test.
"""

import copy
from pathlib import Path

from keras_attention.search_options import int32_seeds
from keras_attention.tasks.load import load, load_run
from keras_attention.tasks.unknown_tokens import UnknownTokens

_kept = {}


def loaded(path, runtime=None, custom_objects=None, **options):
    """What `load` gives, and the same again for the same arguments and files.

    It comes as a copy that has read no text: its attributes are the caller's own.
    """
    arguments = (path, runtime, custom_objects or None)
    return _once(load, arguments, options)


def loaded_run(path, custom_objects=None, **options):
    """The same of `load_run`."""
    return _once(load_run, (path, custom_objects or None), options)


def _once(function, arguments, options):
    options = {name: value for name, value in options.items() if value is not None}
    path, *others = arguments
    seed = None
    if options.get("sample"):  # of which the seed is no part of the graph
        seed = options.pop("seed", None)
        int32_seeds(0 if seed is None else seed)
    files = [(file, file.stat()) for file in sorted(Path(path).rglob("*")) if file.is_file()]
    stamps = [(str(file), stat.st_mtime_ns, stat.st_size) for file, stat in files]
    key = repr((function.__name__, others, sorted(options.items()), stamps))
    if key not in _kept:
        _kept[key] = function(*arguments, **options)
    found = copy.copy(_kept[key])
    if hasattr(found, "unknown"):
        found.unknown = UnknownTokens()
    if seed is not None:
        found.seed = seed
    return found
