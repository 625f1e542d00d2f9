"""Artifacts: SavedModel, TFLite and ONNX forms of one model, compared with it in their runtimes."""

from keras_attention.exporting.export_translator import FORMATS, export_translator
from keras_attention.exporting.parity import ParityError, compare
from keras_attention.exporting.precision import PrecisionError, PrecisionWarning
from keras_attention.exporting.quantization import PRECISIONS

__all__ = [
    "FORMATS",
    "PRECISIONS",
    "ParityError",
    "PrecisionError",
    "PrecisionWarning",
    "compare",
    "export_translator",
]
