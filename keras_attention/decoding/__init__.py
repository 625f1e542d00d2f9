"""Greedy search, beam search and sampling in the graph, written once over the step contract."""

import keras  # noqa: F401 (before all modules of ours, which it brings: see _keras_hook)

from keras_attention.decoding.beam_search import beam_search
from keras_attention.decoding.gnmt_score import gnmt_score
from keras_attention.decoding.greedy_search import greedy_search
from keras_attention.decoding.sample import sample
from keras_attention.decoding.search import search
from keras_attention.decoding.step_contract import StepContract
from keras_attention.search_options import SamplingOptions, SearchOptions

__all__ = [
    "SamplingOptions",
    "SearchOptions",
    "StepContract",
    "beam_search",
    "gnmt_score",
    "greedy_search",
    "sample",
    "search",
]
