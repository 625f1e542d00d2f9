"""Whatever was trained or exported, ready to use."""

from keras_attention.loading.load import load
from keras_attention.loading.load_run import load_run
from keras_attention.loading.run_digests import write_digests
from keras_attention.loading.run_files import read_config, read_model, save_model_atomically

__all__ = [
    "load",
    "load_run",
    "read_config",
    "read_model",
    "save_model_atomically",
    "write_digests",
]
