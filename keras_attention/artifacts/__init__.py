"""The artifact directory: formats, manifest, parity, precision."""

from keras_attention._lazy import lazy_names

_MODULES = {
    "FORMATS": "formats",
    "PRECISIONS": "quantization",
    "ParityError": "parity",
    "PrecisionError": "precision_loss",
    "PrecisionWarning": "precision_loss",
    "read_manifest": "manifest",
}
__all__ = [*_MODULES]
__getattr__, __dir__ = lazy_names(__name__, _MODULES)
