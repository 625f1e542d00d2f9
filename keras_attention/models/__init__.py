"""Functional models with the step contract, and encoders of text with their heads."""

import keras  # noqa: F401 (before all modules of ours, which it brings: see _keras_hook)

from keras_attention.models.bert_classifier import BertClassifier
from keras_attention.models.bert_encoder import BertEncoder
from keras_attention.models.bert_masked_lm import BertMaskedLM
from keras_attention.models.bert_token_classifier import BertTokenClassifier
from keras_attention.models.lesson_classifier import LessonClassifier
from keras_attention.models.model import Model
from keras_attention.models.rnn_translator import RNNTranslator
from keras_attention.models.transformer_translator import TransformerTranslator
from keras_attention.models.translator import Translator

__all__ = [
    "BertClassifier",
    "BertEncoder",
    "BertMaskedLM",
    "BertTokenClassifier",
    "LessonClassifier",
    "Model",
    "RNNTranslator",
    "TransformerTranslator",
    "Translator",
]
