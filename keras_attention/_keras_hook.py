"""Registration of this package's classes with Keras, whichever of the two is imported first.

Keras finds the class that a `.keras` file names among those that are registered, and ours are when
their modules have been imported. `import keras_attention` imports none of them, so that an artifact
runs where there is no Keras: the import of Keras itself brings them.
"""

import importlib
import importlib.abc
import importlib.util
import sys

from keras_attention._quiet_start import quiet_start


def register_with_keras():
    """Imports the modules that register classes: now if Keras is there, else right after it."""
    if "keras" in sys.modules:
        _import_registered()
    elif not any(isinstance(finder, _KerasFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _KerasFinder())


def _import_registered():
    for name in ("layers", "models", "training"):
        importlib.import_module(f"keras_attention.{name}")


class _KerasFinder(importlib.abc.MetaPathFinder):
    """Finds Keras where it would be found anyway, and loads our classes after it."""

    def find_spec(self, name, path=None, target=None):
        if name != "keras":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _LoaderBefore(spec.loader)
        return spec


class _LoaderBefore(importlib.abc.Loader):
    """A loader that runs another one, and then imports our classes."""

    def __init__(self, loader):
        self._loader = loader

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self._loader
        with quiet_start():
            self._loader.exec_module(module)
        _import_registered()
