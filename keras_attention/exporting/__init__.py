"""Artifacts: SavedModel, TFLite and ONNX forms of one model, compared with it in their runtimes."""

from keras_attention.exporting.export_translator import FORMATS, export_translator
from keras_attention.exporting.parity import ParityError, compare

__all__ = ["FORMATS", "ParityError", "compare", "export_translator"]
