"""Attention layers for Keras 3 and the road from `model.fit` to SavedModel, TFLite and ONNX."""

from keras_attention._quiet_start import quiet_start
from keras_attention.version import __version__

with quiet_start():
    from keras_attention import decoding, layers, masks, models

__all__ = ["__version__", "decoding", "layers", "load", "masks", "models"]


def load(path, runtime=None, seed=None, kind=None, **search):
    """Loads a run or an artifact: see `keras_attention.loading.load`."""
    from keras_attention.loading import load  # here: layers alone need none of its packages

    return load(path, runtime, seed, kind, **search)
