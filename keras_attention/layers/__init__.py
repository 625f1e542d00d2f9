"""Attention layers and the blocks made of them."""

import keras  # noqa: F401 (before all modules of ours, which it brings: see _keras_hook)

from keras_attention.layers.additive_attention import AdditiveAttention
from keras_attention.layers.base_attention import BaseAttention
from keras_attention.layers.block_sparse_attention import BlockSparseAttention
from keras_attention.layers.block_sparse_encoder import BlockSparseEncoder
from keras_attention.layers.dropout import Dropout
from keras_attention.layers.enable_lora import enable_lora
from keras_attention.layers.feed_forward import FeedForward
from keras_attention.layers.from_keras import from_keras
from keras_attention.layers.gated_feed_forward import GatedFeedForward
from keras_attention.layers.gnmt_decoder import GNMTDecoder
from keras_attention.layers.gpt_decoder import GPTDecoder
from keras_attention.layers.grouped_query_attention import GroupedQueryAttention
from keras_attention.layers.llama_decoder import LlamaDecoder
from keras_attention.layers.masked_lm_head import MaskedLMHead
from keras_attention.layers.maxout import Maxout
from keras_attention.layers.merge_lora import merge_lora
from keras_attention.layers.multi_head_attention import MultiHeadAttention
from keras_attention.layers.multiplicative_attention import MultiplicativeAttention
from keras_attention.layers.output_projection import OutputProjection
from keras_attention.layers.position_embedding import PositionEmbedding
from keras_attention.layers.recurrent_decoder import RecurrentDecoder
from keras_attention.layers.recurrent_encoder import RecurrentEncoder
from keras_attention.layers.rnn_search_decoder import RNNSearchDecoder
from keras_attention.layers.rotary_embedding import RotaryEmbedding
from keras_attention.layers.sinusoidal_position_encoding import SinusoidalPositionEncoding
from keras_attention.layers.to_keras import to_keras
from keras_attention.layers.token_and_position_embedding import TokenAndPositionEmbedding
from keras_attention.layers.transformer_block import TransformerBlock
from keras_attention.layers.transformer_decoder import TransformerDecoder
from keras_attention.layers.transformer_encoder import TransformerEncoder

__all__ = [
    "AdditiveAttention",
    "BaseAttention",
    "BlockSparseAttention",
    "BlockSparseEncoder",
    "Dropout",
    "FeedForward",
    "GNMTDecoder",
    "GPTDecoder",
    "GatedFeedForward",
    "GroupedQueryAttention",
    "LlamaDecoder",
    "MaskedLMHead",
    "Maxout",
    "MultiHeadAttention",
    "MultiplicativeAttention",
    "OutputProjection",
    "PositionEmbedding",
    "RecurrentDecoder",
    "RecurrentEncoder",
    "RNNSearchDecoder",
    "RotaryEmbedding",
    "SinusoidalPositionEncoding",
    "TokenAndPositionEmbedding",
    "TransformerBlock",
    "TransformerDecoder",
    "TransformerEncoder",
    "enable_lora",
    "from_keras",
    "merge_lora",
    "to_keras",
]

# Names of Keras and KerasHub that are others here.
_ELSEWHERE = {
    "SinePositionEncoding": "SinusoidalPositionEncoding gives the same numbers",
    "Attention": 'MultiplicativeAttention("dot") is keras.layers.Attention',
    "CachedMultiHeadAttention": "MultiHeadAttention has a cache: see its `step`",
    "ReversibleEmbedding": "TokenAndPositionEmbedding(...) is reversed by `reverse=True`, and "
    "MaskedLMHead takes a keras.layers.ReversibleEmbedding",
}


def __getattr__(name):
    if name in _ELSEWHERE:  # `from ... import` would not show the sentence of an AttributeError
        raise ImportError(f"{__name__} has no {name}: {_ELSEWHERE[name]}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
