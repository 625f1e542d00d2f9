"""Masked-LM pretraining of an encoder."""
