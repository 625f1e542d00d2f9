"""The translator of the benchmarks, made of KerasHub's layers and of stock Keras layers.

Both are the post-norm transformer of `keras_attention.models.TransformerTranslator`, with the same
sizes, dropout, masks from ids and tied embeddings, and take its weights, so that all three give the
same logits.
"""

import math

from keras_attention.layers.sinusoidal_position_encoding import sinusoidal_encoding

import keras
import numpy as np
from keras import ops


def inputs():
    """The inputs that all three share."""
    return {
        name: keras.Input((None,), dtype="int32", name=name)
        for name in ("encoder_token_ids", "decoder_token_ids")
    }


def keras_hub_translator(ours):
    """The translator of KerasHub's ReversibleEmbedding, SinePositionEncoding and blocks."""
    from keras_hub import layers

    options = dict(
        intermediate_dim=ours.intermediate_dim, num_heads=ours.num_heads, dropout=ours.dropout
    )
    tokens = layers.ReversibleEmbedding(ours.vocabulary_size, ours.hidden_dim)
    ids = inputs()
    masks = {name: ops.not_equal(x, 0) for name, x in ids.items()}

    def embed(x):
        x = tokens(x) * math.sqrt(ours.hidden_dim)
        x = x + layers.SinePositionEncoding()(x)
        return keras.layers.Dropout(ours.dropout)(x)

    x = embed(ids["encoder_token_ids"])
    encoders = [layers.TransformerEncoder(**options) for _ in ours.encoder_blocks]
    decoders = [layers.TransformerDecoder(**options) for _ in ours.decoder_blocks]
    for block in encoders:
        x = block(x, padding_mask=masks["encoder_token_ids"])
    encoded, x = x, embed(ids["decoder_token_ids"])
    for block in decoders:
        x = block(
            x,
            encoded,
            decoder_padding_mask=masks["decoder_token_ids"],
            encoder_padding_mask=masks["encoder_token_ids"],
        )
    model = keras.Model(ids, tokens(x, reverse=True))
    tokens.set_weights(ours.target_embedding.get_weights())
    for ours_block, block in zip(ours.encoder_blocks, encoders, strict=True):
        _copy_attention(ours_block.self_attention, block._self_attention_layer)
        _copy_norm_and_feed_forward(ours_block, block)
    for ours_block, block in zip(ours.decoder_blocks, decoders, strict=True):
        _copy_attention(ours_block.self_attention, block._self_attention_layer)
        _copy_attention(ours_block.cross_attention, block._cross_attention_layer)
        block._cross_attention_layer_norm.set_weights(
            ours_block.cross_attention_normalization.get_weights()
        )
        _copy_norm_and_feed_forward(ours_block, block)
    return model


def _copy_norm_and_feed_forward(ours, block):
    block._self_attention_layer_norm.set_weights(ours.self_attention_normalization.get_weights())
    block._feedforward_layer_norm.set_weights(ours.feed_forward_normalization.get_weights())
    block._feedforward_intermediate_dense.set_weights(ours.feed_forward.intermediate.get_weights())
    block._feedforward_output_dense.set_weights(ours.feed_forward.output_projection.get_weights())


def _copy_attention(ours, stock):
    """From fused kernels to the query, key, value and output of a `MultiHeadAttention`."""
    weights = ours.get_weights()
    if len(weights) == 4:  # self-attention
        kernel, bias, out, out_bias = weights
    else:
        query, query_bias, key_value, key_value_bias, out, out_bias = weights
        kernel = np.concatenate([query, key_value], axis=1)
        bias = np.concatenate([query_bias, key_value_bias])
    copies = []
    for part, part_bias in zip(np.split(kernel, 3, axis=1), np.split(bias, 3), strict=True):
        copies += [
            part.reshape(-1, ours.num_heads, ours.key_dim),
            part_bias.reshape(ours.num_heads, ours.key_dim),
        ]
    copies += [out.reshape(ours.num_heads, ours.key_dim, -1), out_bias]
    stock.set_weights(copies)


def stock_translator(ours):
    """The translator of stock Keras layers alone, written as Keras' own examples do."""
    layers = keras.layers
    width, rate = ours.hidden_dim, ours.dropout
    ids = inputs()
    masks = {name: ops.not_equal(x, 0) for name, x in ids.items()}
    tokens = layers.ReversibleEmbedding(ours.vocabulary_size, width)
    table = ops.convert_to_numpy(sinusoidal_encoding(np.arange(ours.max_sequence_length), width))[
        None
    ]
    positions = layers.Embedding(
        ours.max_sequence_length, width, weights=[table[0]], trainable=False
    )
    copies = []

    def embed(x):
        index = ops.cumsum(ops.ones_like(x), axis=1) - 1
        return layers.Dropout(rate)(tokens(x) * math.sqrt(width) + positions(index))

    def attend(x, memory, original, norm, mask, causal=False):
        layer = layers.MultiHeadAttention(ours.num_heads, width // ours.num_heads, dropout=rate)
        output = layer(x, memory, attention_mask=mask[:, None, :], use_causal_mask=causal)
        copies.append(lambda: _copy_attention(original, layer))
        return add_and_norm(x, output, norm)

    def add_and_norm(x, output, original):
        norm = layers.LayerNormalization(epsilon=1e-5)
        output = norm(x + layers.Dropout(rate)(output))
        copies.append(lambda: norm.set_weights(original.get_weights()))
        return output

    def feed(x, block):
        inner = layers.Dense(ours.intermediate_dim, activation="relu")
        outer = layers.Dense(width)
        output = outer(inner(x))
        copies.append(lambda: inner.set_weights(block.feed_forward.intermediate.get_weights()))
        copies.append(lambda: outer.set_weights(block.feed_forward.output_projection.get_weights()))
        return add_and_norm(x, output, block.feed_forward_normalization)

    source_mask, target_mask = masks["encoder_token_ids"], masks["decoder_token_ids"]
    x = embed(ids["encoder_token_ids"])
    for block in ours.encoder_blocks:
        norm = block.self_attention_normalization
        x = feed(attend(x, x, block.self_attention, norm, source_mask), block)
    encoded, x = x, embed(ids["decoder_token_ids"])
    for block in ours.decoder_blocks:
        norm = block.self_attention_normalization
        x = attend(x, x, block.self_attention, norm, target_mask, causal=True)
        norm = block.cross_attention_normalization
        x = feed(attend(x, encoded, block.cross_attention, norm, source_mask), block)
    model = keras.Model(ids, tokens(x, reverse=True))
    tokens.set_weights(ours.target_embedding.get_weights())
    for copy in copies:
        copy()
    return model
