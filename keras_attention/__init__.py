"""Attention layers for Keras 3 and the road from `model.fit` to SavedModel, TFLite and ONNX.

Nothing heavy is imported before it is used: an artifact of TFLite or ONNX runs where there is
neither TensorFlow nor Keras.
"""

from keras_attention._first_signals import leave_at_first_signals

leave_at_first_signals()  # before anything that takes time

from keras_attention._environment import set_environment  # noqa: E402
from keras_attention._keras_hook import register_with_keras  # noqa: E402
from keras_attention._lazy import lazy_names  # noqa: E402
from keras_attention.version import __version__  # noqa: E402

_MODULES = {
    "checkpoints": "",
    "decoding": "",
    "export": "tasks.export",
    "layers": "",
    "load": "tasks.load",
    "masks": "",
    "models": "",
    "save_run": "tasks.save_run",
    "tasks": "",
    "text": "",
    "training": "",
    "visualization": "",
}
__all__ = ["__version__", *_MODULES]
__getattr__, __dir__ = lazy_names(__name__, _MODULES)

set_environment()  # before the line below can import Keras and with it TensorFlow
register_with_keras()
