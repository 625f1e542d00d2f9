"""Whole trainings and exports, as the command line runs them."""

from keras_attention.recipes.export_run import export_run
from keras_attention.recipes.train_translator import train_translator
from keras_attention.recipes.translator_config import TranslatorConfig

__all__ = ["TranslatorConfig", "export_run", "train_translator"]
