"""Decoding in the graph, written once over the step contract of `models.Translator`."""

from keras_attention.decoding.greedy_search import greedy_search

__all__ = ["greedy_search"]
