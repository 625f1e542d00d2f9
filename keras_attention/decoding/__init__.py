"""Greedy search, beam search and sampling in the graph, written once over the step contract."""

import keras  # noqa: F401 (before all modules of ours, which it brings: see _keras_hook)

from keras_attention.decoding.beam_search import beam_search
from keras_attention.decoding.gnmt_score import gnmt_score
from keras_attention.decoding.greedy_search import greedy_search
from keras_attention.decoding.length_limits import context_limits, same_limits, source_limits
from keras_attention.decoding.sample import sample
from keras_attention.decoding.search import search
from keras_attention.decoding.step_contract import StepContract
from keras_attention.layers.attention_cache import CacheSlots, cache_slots, extend_cache
from keras_attention.search_options import SamplingOptions, SearchOptions
from keras_attention.token_ids import SpecialIds

__all__ = [
    "CacheSlots",
    "SamplingOptions",
    "SearchOptions",
    "SpecialIds",
    "StepContract",
    "beam_search",
    "cache_slots",
    "context_limits",
    "extend_cache",
    "gnmt_score",
    "greedy_search",
    "same_limits",
    "sample",
    "search",
    "source_limits",
]
