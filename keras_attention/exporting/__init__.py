"""Artifacts: SavedModel, TFLite and ONNX forms of one model, compared with it in their runtimes."""

from keras_attention.exporting.export_classifier import export_classifier
from keras_attention.exporting.export_translator import export_translator
from keras_attention.exporting.forms import FORMATS
from keras_attention.exporting.parity import ParityError, compare
from keras_attention.exporting.precision_loss import PrecisionError, PrecisionWarning
from keras_attention.exporting.quantization import PRECISIONS

__all__ = [
    "FORMATS",
    "PRECISIONS",
    "ParityError",
    "PrecisionError",
    "PrecisionWarning",
    "compare",
    "export_classifier",
    "export_translator",
]
