"""Functional models with the step contract, and encoders of text with their heads."""

import keras  # noqa: F401 (before all modules of ours, which it brings: see _keras_hook)

from keras_attention.models.bert_encoder import BertEncoder
from keras_attention.models.big_bird_encoder import BigBirdEncoder
from keras_attention.models.classifier import Classifier
from keras_attention.models.classifier_head import ClassifierHead
from keras_attention.models.distil_bert_encoder import DistilBertEncoder
from keras_attention.models.encoder import Encoder
from keras_attention.models.encoder_head import EncoderHead
from keras_attention.models.gpt import GPT
from keras_attention.models.language_model import LanguageModel
from keras_attention.models.lesson_classifier import LessonClassifier
from keras_attention.models.lesson_encoder import LessonEncoder
from keras_attention.models.llama import Llama
from keras_attention.models.masked_lm import MaskedLM
from keras_attention.models.model import Model
from keras_attention.models.rnn_translator import RNNTranslator
from keras_attention.models.sentence_encoder import SentenceEncoder
from keras_attention.models.token_classifier import TokenClassifier
from keras_attention.models.transformer_translator import TransformerTranslator
from keras_attention.models.translator import Translator

__all__ = [
    "BertEncoder",
    "BigBirdEncoder",
    "Classifier",
    "ClassifierHead",
    "DistilBertEncoder",
    "Encoder",
    "EncoderHead",
    "GPT",
    "LanguageModel",
    "LessonClassifier",
    "LessonEncoder",
    "Llama",
    "MaskedLM",
    "Model",
    "RNNTranslator",
    "SentenceEncoder",
    "TokenClassifier",
    "TransformerTranslator",
    "Translator",
]
