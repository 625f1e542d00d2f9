"""Published weights of BERT, read and written without PyTorch."""

from keras_attention.checkpoints.hugging_face import (
    load_hugging_face,
    load_hugging_face_classifier,
    load_hugging_face_masked_lm,
    save_hugging_face,
)
from keras_attention.checkpoints.keras_hub_backbone import from_keras_hub, to_keras_hub

__all__ = [
    "from_keras_hub",
    "load_hugging_face",
    "load_hugging_face_classifier",
    "load_hugging_face_masked_lm",
    "save_hugging_face",
    "to_keras_hub",
]
