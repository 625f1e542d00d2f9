"""Attention layers for Keras 3 and the road from `model.fit` to SavedModel, TFLite and ONNX."""

__version__ = "0.1.0"
