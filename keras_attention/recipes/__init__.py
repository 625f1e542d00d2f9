"""Whole trainings and exports, as the command line runs them."""

from keras_attention.recipes.classifier_config import ClassifierConfig
from keras_attention.recipes.export_run import export_run
from keras_attention.recipes.masked_lm_config import MaskedLMConfig
from keras_attention.recipes.train_classifier import train_classifier
from keras_attention.recipes.train_masked_lm import train_masked_lm
from keras_attention.recipes.train_translator import train_translator
from keras_attention.recipes.translator_config import TranslatorConfig

__all__ = [
    "ClassifierConfig",
    "MaskedLMConfig",
    "TranslatorConfig",
    "export_run",
    "train_classifier",
    "train_masked_lm",
    "train_translator",
]
