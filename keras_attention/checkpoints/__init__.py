"""Published weights, read and written without PyTorch."""

from keras_attention._lazy import lazy_names

_MODULES = {
    "from_keras_hub": "keras_hub_backbone",
    "load_hugging_face": "hugging_face",
    "load_tokenizer": "hugging_face",
    "save_hugging_face": "hugging_face",
    "to_keras_hub": "keras_hub_backbone",
}
__all__ = [*_MODULES]
__getattr__, __dir__ = lazy_names(__name__, _MODULES)
