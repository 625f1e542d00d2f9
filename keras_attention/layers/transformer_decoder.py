"""One block of the transformer decoder (Vaswani et al. 2017, section 3.1)."""

import keras
from keras import ops

from keras_attention import masks
from keras_attention._validation import require
from keras_attention.layers.transformer_block import TransformerBlock


@keras.saving.register_keras_serializable(package="keras_attention")
class TransformerDecoder(TransformerBlock):
    """Causal self-attention, attention to the encoder, and feed-forward.

    Called without `encoder_sequence` the first time, it is built without cross-attention: the block
    of a decoder-only model.

    Hooks for subclasses: `make_attention(hidden_dim, name)`, called with "self_attention" and
    "cross_attention", `make_feed_forward(hidden_dim, name)` and `make_normalization(name)` return
    the parts; the block builds and wires them.

    Padding: masks are passed, or left by a stock layer upstream; padded positions change nothing.

    Args:
        intermediate_dim: width F of the feed-forward layer.
        num_heads: number of heads H; a divisor of the input's width unless `key_dim` is given.
        dropout: rate on attention weights and on each sublayer's output, in [0, 1).
        activation: of the feed-forward layer: "gelu" (exact), "gelu_new" (by tanh) or any of Keras.
        layer_norm_epsilon: epsilon of the norms.
        kernel_initializer: of every matrix.
        bias_initializer: of every bias.
        normalize_first: True for pre-norm, False for the paper's post-norm.
        attention_bias: whether the attentions' projections have biases.
        key_dim: width K of a head's queries, keys and values; the input's width / H by default.
        attention_dropout: rate on attention weights where it is another.

    Call arguments:
        decoder_sequence: (B, T, D); with `self_attention_cache` also (B, D), one position without
            its axis, and so is the output then.
        encoder_sequence: (B, S, D).
        decoder_padding_mask: boolean (B, T), True at tokens.
        decoder_attention_mask: boolean, broadcasts to (B, T, T).
        encoder_padding_mask: boolean (B, S), True at tokens.
        encoder_attention_mask: boolean, broadcasts to (B, T, S).
        self_attention_cache: from `empty_cache`; with it goes
        self_attention_cache_update_index: scalar int32, position of the first token of the input.
        self_attention_cache_offsets: `heads.cache_offsets` of the cache, if blocks share it.
        cross_attention_cache: from `project_encoder`, instead of `encoder_sequence`.
        queries_per_source: how many rows of `decoder_sequence`, one after the other, attend to the
            same row of the encoder (the hypotheses of a beam); B is that of `decoder_sequence`.
        use_causal_mask: whether a token sees only those before it and itself.
        return_attention_scores: whether to return the scores too.
        training: whether dropout is applied.

    Returns:
        (B, T, D); with `return_attention_scores` then the self-attention's (B, H, T, T) and, if
        there is cross-attention, its (B, H, T, S); with `self_attention_cache` then the new cache.

    Raises:
        ValueError: if a size or rate is out of range, `num_heads` does not divide D, or a block
            built with cross-attention is called without an encoder.

    Example:

    >>> block = TransformerDecoder(intermediate_dim=64, num_heads=2)
    >>> block(keras.random.normal((3, 5, 16)), keras.random.normal((3, 7, 16))).shape
    (3, 5, 16)

    Reference: Vaswani et al. 2017, "Attention Is All You Need", section 3.1,
    https://arxiv.org/abs/1706.03762
    """

    def build(self, decoder_sequence_shape, encoder_sequence_shape=None):
        width = decoder_sequence_shape[-1]
        self.has_cross_attention = encoder_sequence_shape is not None
        self.add_sublayer(
            self.make_attention(width, "self_attention"), "self_attention", decoder_sequence_shape
        )
        if self.has_cross_attention:
            self.add_sublayer(
                self.make_attention(width, "cross_attention"),
                "cross_attention",
                decoder_sequence_shape,
                encoder_sequence_shape,
            )
        self.add_sublayer(
            self.make_feed_forward(width, "feed_forward"), "feed_forward", decoder_sequence_shape
        )
        self.built = True

    def call(
        self,
        decoder_sequence,
        encoder_sequence=None,
        decoder_padding_mask=None,
        decoder_attention_mask=None,
        encoder_padding_mask=None,
        encoder_attention_mask=None,
        self_attention_cache=None,
        self_attention_cache_update_index=None,
        self_attention_cache_offsets=None,
        cross_attention_cache=None,
        queries_per_source=1,
        use_causal_mask=True,
        return_attention_scores=False,
        training=None,
    ):
        require(
            not self.has_cross_attention
            or encoder_sequence is not None
            or cross_attention_cache is not None,
            "encoder_sequence",
            "given (or `cross_attention_cache`): the block was built with cross-attention",
            encoder_sequence=encoder_sequence,
        )
        if decoder_padding_mask is None and self_attention_cache is None:
            decoder_padding_mask = masks.implicit_mask(decoder_sequence)
        if encoder_padding_mask is None:
            encoder_padding_mask = masks.implicit_mask(encoder_sequence)

        def attend_to_itself(x):
            result = self.self_attention(
                x,
                value_mask=decoder_padding_mask,
                attention_mask=decoder_attention_mask,
                use_causal_mask=use_causal_mask,
                return_attention_scores=return_attention_scores,
                cache=self_attention_cache,
                cache_index=self_attention_cache_update_index,
                offsets=self_attention_cache_offsets,
                training=training,
            )
            return result if isinstance(result, tuple) else (result,)

        def attend_to_encoder(x):
            result = self.cross_attention(
                share_source(x),
                encoder_sequence if cross_attention_cache is None else None,
                value_mask=encoder_padding_mask,
                attention_mask=encoder_attention_mask,
                return_attention_scores=return_attention_scores,
                cache=cross_attention_cache,
                training=training,
            )
            output, *scores = result if isinstance(result, tuple) else (result,)
            if queries_per_source == 1:
                return output, *scores
            return ops.reshape(output, ops.shape(x)), *map(unshare_scores, scores)

        def share_source(x):
            """(B, T, D) -> (B / G, G * T, D): attention does not mind which row a query is of."""
            if queries_per_source == 1:
                return x
            length = 1 if len(x.shape) == 2 else ops.shape(x)[1]
            return ops.reshape(x, (-1, queries_per_source * length, x.shape[-1]))

        def unshare_scores(scores):
            """(B / G, H, G * T, S) -> (B, H, T, S)."""
            is_one = len(decoder_sequence.shape) == 2
            length = 1 if is_one else ops.shape(decoder_sequence)[1]
            source_length = ops.shape(scores)[3]
            shape = (-1, self.num_heads, queries_per_source, length, source_length)
            scores = ops.transpose(ops.reshape(scores, shape), (0, 2, 1, 3, 4))
            return ops.reshape(scores, (-1, self.num_heads, length, source_length))

        def feed(x):
            return (self.feed_forward(x, training=training),)

        x, *others = self.residual(decoder_sequence, "self_attention", attend_to_itself, training)
        cache = [] if self_attention_cache is None else [others.pop()]
        scores = others
        if self.has_cross_attention:
            x, *others = self.residual(x, "cross_attention", attend_to_encoder, training)
            scores = scores + others
        (x,) = self.residual(x, "feed_forward", feed, training)
        return (x, *scores, *cache) if scores or cache else x

    def empty_cache(self, batch_size, length):
        """The cache of `length` positions to start decoding with."""
        return self.self_attention.empty_cache(batch_size, length)

    def extend_cache(self, cache, count):
        """`cache` with room for `count` more positions."""
        return self.self_attention.extend_cache(cache, count)

    def project_encoder(self, encoder_sequence):
        """The cross-attention's keys and values of `encoder_sequence` (B, S, D), made once."""
        return self.cross_attention.project(encoder_sequence)

    def compute_output_shape(self, decoder_sequence_shape, encoder_sequence_shape=None):
        return decoder_sequence_shape

    def compute_output_spec(
        self,
        decoder_sequence,
        encoder_sequence=None,
        decoder_padding_mask=None,
        decoder_attention_mask=None,
        encoder_padding_mask=None,
        encoder_attention_mask=None,
        self_attention_cache=None,
        self_attention_cache_update_index=None,
        self_attention_cache_offsets=None,
        cross_attention_cache=None,
        queries_per_source=1,
        use_causal_mask=True,
        return_attention_scores=False,
        training=None,
    ):
        def spec(*shape):
            return keras.KerasTensor(shape, dtype=self.compute_dtype)

        batch_size, *length, _ = decoder_sequence.shape
        length = length[0] if length else 1
        results = [spec(*decoder_sequence.shape)]
        if return_attention_scores:
            cached = self_attention_cache is not None
            keys = self_attention_cache["key"].shape[2] if cached else length
            results.append(spec(batch_size, self.num_heads, length, keys))
            if self.has_cross_attention:
                cached = cross_attention_cache is not None
                source_length = (
                    cross_attention_cache["key"].shape[2] if cached else encoder_sequence.shape[1]
                )
                results.append(spec(batch_size, self.num_heads, length, source_length))
        if self_attention_cache is not None:
            results.append({name: spec(*t.shape) for name, t in self_attention_cache.items()})
        return results[0] if len(results) == 1 else tuple(results)
