"""Packages whose names are imported when they are first used, and not before."""

import importlib
import sys


def lazy_names(package, modules):
    """`__getattr__` and `__dir__` of a package that imports each of its names on first use.

    So a name costs what it needs and no more: `decoding.SearchOptions` needs no Keras, and
    `text.TranslationTokenizer` no TensorFlow.

    Args:
        package: `__name__` of the package.
        modules: dict from a public name to the module below the package that defines it; "" for a
            module of that name.

    >>> __getattr__, __dir__ = lazy_names(__name__, {"search": "search"})
    """

    def find(name):
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = modules[name]
        if not module:
            return importlib.import_module(f"{package}.{name}")
        found = getattr(importlib.import_module(f"{package}.{module}"), name)
        # In the place of the module of the same name, which its import has put there.
        setattr(sys.modules[package], name, found)
        return found

    return find, lambda: sorted({*vars(sys.modules[package]), *modules})
