"""Functional models with the step contract."""

from keras_attention.models.model import Model
from keras_attention.models.rnn_translator import RNNTranslator
from keras_attention.models.transformer_translator import TransformerTranslator
from keras_attention.models.translator import Translator

__all__ = ["Model", "RNNTranslator", "TransformerTranslator", "Translator"]
