"""Whole trainings, as the command line runs them."""

from keras_attention.recipes.train_translator import train_translator
from keras_attention.recipes.translator_config import TranslatorConfig

__all__ = ["TranslatorConfig", "train_translator"]
