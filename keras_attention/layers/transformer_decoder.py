"""One block of the transformer decoder (Vaswani et al. 2017, section 3.1)."""

import inspect

import keras
from keras import ops

from keras_attention import masks
from keras_attention.layers.attention_cache import cache_slots
from keras_attention.layers.decoder_output_spec import decoder_output_spec
from keras_attention.layers.require_decoder_arguments import require_decoder_arguments
from keras_attention.layers.require_shapes import require_sequences, sizes_fit
from keras_attention.layers.transformer_block import TransformerBlock


@keras.saving.register_keras_serializable(package="keras_attention")
class TransformerDecoder(TransformerBlock):
    """Causal self-attention, attention to the encoder, and feed-forward.

    Called without `encoder_sequence` the first time, it is built without cross-attention: the block
    of a decoder-only model. A call reads whole sequences; `read` also makes a cache of what it
    reads. `step` reads the next position or positions of sequences whose earlier ones are in a
    cache. A call with `self_attention_cache`, as KerasHub spells it, is one step.

    A subclass may override `make_attention(hidden_dim, name)`, called with "self_attention" and
    "cross_attention", `make_feed_forward(hidden_dim, name)` and `make_normalization(name)`, which
    return the parts: see `TransformerBlock`. Calls and steps run the parts in the same order, in
    `run_sublayers`; a subclass that changes the order overrides that.

    Padding: masks are passed, or left by a stock layer upstream; padded positions change nothing.

    Args: those of `TransformerBlock`.

    Call arguments:
        decoder_sequence: (B, T, D).
        encoder_sequence: (B, S, D).
        decoder_padding_mask: boolean (B, T), True at tokens; over the cache's slots if there is
            one. Keras' tools pass it as `mask`.
        decoder_attention_mask: boolean, broadcasts to (T, T), (B, T, T) or (B, H, T, T); with a
            cache the last axis is that of its slots.
        encoder_padding_mask: boolean (B, S), True at tokens.
        encoder_attention_mask: boolean, broadcasts to (T, S), (B, T, S) or (B, H, T, S).
        self_attention_cache: from `empty_cache`; with it goes
        self_attention_cache_update_index: scalar int32, position of the first token of the input.
        cross_attention_cache: from `project_encoder`, instead of `encoder_sequence`.
        cross_attention_cache_update_index: 0 to make the cross-attention's cache anew, from
            `encoder_sequence`; it is then returned too.
        use_causal_mask: whether a token sees only those before it and itself. With a cache it does.
        return_attention_scores: whether to return the scores too.
        training: whether dropout is applied.
        segment_ids: integer (B, T), without a cache: a token sees those of its own segment alone.

    Returns:
        (B, T, D); with `return_attention_scores` then the self-attention's (B, H, T, T) and, if
        there is cross-attention, its (B, H, T, S); with `self_attention_cache` then the new cache;
        with `cross_attention_cache_update_index` then that of the cross-attention.

    Raises:
        ValueError: if a size or rate is out of range, `num_heads` does not divide D, a block built
            with cross-attention is called without an encoder, or one without it with an encoder, a
            cache is given without its index, or an input has another rank or size.

    Example:

    >>> block = TransformerDecoder(intermediate_dim=64, num_heads=2)
    >>> target, source = keras.random.normal((3, 5, 16)), keras.random.normal((3, 7, 16))
    >>> output = block(target, source)
    >>> output.shape
    (3, 5, 16)
    >>> cache, memory = block.empty_cache(3, length=5), block.project_encoder(source)
    >>> for t in range(5):  # x is output[:, t]
    ...     x, scores, cache = block.step(target[:, t], cache, cache_slots(cache, t), memory)

    Reference: Vaswani et al. 2017, "Attention Is All You Need", section 3.1,
    https://arxiv.org/abs/1706.03762
    """

    stock_layer = "keras_hub.layers.TransformerDecoder"

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
        cross_attention_cache=None,
        use_causal_mask=True,
        return_attention_scores=False,
        training=None,
        cross_attention_cache_update_index=None,
        mask=None,
        segment_ids=None,
    ):
        require_sequences(self.known_sizes(), decoder_sequence, encoder_sequence)
        if encoder_padding_mask is None:
            encoder_padding_mask = masks.implicit_mask(encoder_sequence)
        if decoder_padding_mask is None and self_attention_cache is None:
            implicit = masks.implicit_mask(decoder_sequence)
            decoder_padding_mask = implicit if mask is None else mask
        # All that this call was given, by name, so that the list of arguments stands once.
        decoder_sequence = require_decoder_arguments(self, locals())
        memory, new_memory = cross_attention_cache, ()
        if cross_attention_cache_update_index is not None:
            memory = self.project_encoder(encoder_sequence)
            new_memory = (memory,)

        if self_attention_cache is not None:
            slots = cache_slots(
                self_attention_cache,
                self_attention_cache_update_index,
                length=ops.shape(decoder_sequence)[1],
                padding_mask=decoder_padding_mask,
                attention_mask=decoder_attention_mask,
            )
            if self.has_cross_attention and memory is None:
                memory = self.project_encoder(encoder_sequence)
            x, scores, cache = self.step(
                decoder_sequence,
                self_attention_cache,
                slots,
                memory,
                encoder_padding_mask,
                encoder_attention_mask,
                return_attention_scores=return_attention_scores,
                training=training,
            )
            return (x, *scores.values(), cache, *new_memory)

        def attend_to_itself(x):
            segments = {} if segment_ids is None else {"segment_ids": segment_ids}
            result = self.self_attention(
                x,
                value_mask=decoder_padding_mask,
                attention_mask=decoder_attention_mask,
                use_causal_mask=use_causal_mask,
                return_attention_scores=return_attention_scores,
                training=training,
                **segments,
            )
            return result if return_attention_scores else (result, None)

        def attend_to_encoder(x):
            options = {
                "value_mask": encoder_padding_mask,
                "attention_mask": encoder_attention_mask,
                "return_attention_scores": return_attention_scores,
                "training": training,
            }
            if memory is not None:
                return self.cross_attention.cross_step(x, memory, **options)
            result = self.cross_attention(x, encoder_sequence, **options)
            return result if return_attention_scores else (result, None)

        with sizes_fit():
            x, scores = self.run_sublayers(
                decoder_sequence, attend_to_itself, attend_to_encoder, training
            )
        results = (x, *scores.values(), *new_memory)
        return results if len(results) > 1 else x

    def read(self, x, training=None):
        """A call without an encoder, and a cache of what was read.

        Args:
            x: (B, T, D), the first positions of sequences.
            training: whether dropout is applied.

        Returns:
            The output (B, T, D), and a cache of T slots: see `MultiHeadAttention.read`.
        """
        cache = None

        def attend_to_itself(x):
            nonlocal cache
            output, cache = self.self_attention.read(x, training)
            return output, None

        x = ops.cast(x, self.compute_dtype)
        return self.run_sublayers(x, attend_to_itself, None, training)[0], cache

    def step(
        self,
        x,
        cache,
        slots,
        memory=None,
        encoder_padding_mask=None,
        encoder_attention_mask=None,
        queries_per_source=1,
        return_attention_scores=False,
        training=None,
    ):
        """The next position or positions of sequences whose earlier ones are in `cache`.

        Args:
            x: (B, T, D), or (B, D) for one position; that is faster than an axis of 1.
            cache: from `empty_cache` or the step before.
            slots: from `attention_cache.cache_slots`; blocks share it.
            memory: from `project_encoder`, of B / `queries_per_source` rows; None without
                cross-attention.
            encoder_padding_mask: boolean (B / `queries_per_source`, S).
            encoder_attention_mask: boolean, as `MultiHeadAttention.cross_step` takes it.
            queries_per_source: how many rows of `x`, one after the other, attend to the same row of
                the encoder, as the hypotheses of a beam do.
            return_attention_scores: whether to return the scores too.
            training: whether dropout is applied.

        Returns:
            The output, shaped as `x`; the scores, `{}` or `{"self_attention": (B, H, T, slots),
            "cross_attention": (B, H, T, S)}`; and the cache that holds the new positions too.
        """
        new_cache = None

        def attend_to_itself(x):
            nonlocal new_cache
            output, scores, new_cache = self.self_attention.step(
                x, cache, slots, return_attention_scores, training
            )
            return output, scores

        def attend_to_encoder(x):
            return self.cross_attention.cross_step(
                x,
                memory,
                value_mask=encoder_padding_mask,
                attention_mask=encoder_attention_mask,
                query_positions=slots.query_positions,
                queries_per_source=queries_per_source,
                return_attention_scores=return_attention_scores,
                training=training,
            )

        x = ops.cast(x, self.compute_dtype)
        x, scores = self.run_sublayers(x, attend_to_itself, attend_to_encoder, training)
        return x, scores, new_cache

    def run_sublayers(self, x, attend_to_itself, attend_to_encoder, training=None):
        """The sublayers, one on the output of the other.

        Args:
            x: (B, T, D) or (B, D).
            attend_to_itself: function of x that returns the self-attention's output and its scores,
                or None.
            attend_to_encoder: the same of the cross-attention; called only if there is one.
            training: whether dropout is applied.

        Returns:
            The output, and the scores that are not None by the attention's name.
        """
        x, own = self.residual(x, "self_attention", attend_to_itself, training)
        scores = {"self_attention": own}
        if self.has_cross_attention:
            x, scores["cross_attention"] = self.residual(
                x, "cross_attention", attend_to_encoder, training
            )
        (x,) = self.residual(
            x, "feed_forward", lambda x: (self.feed_forward(x, training=training),), training
        )
        return x, {name: tensor for name, tensor in scores.items() if tensor is not None}

    def empty_cache(self, batch_size, length):
        """A cache of `length` slots to start decoding with: see `attention_cache`."""
        return self.self_attention.empty_cache(batch_size, length)

    def project_encoder(self, encoder_sequence):
        """The cross-attention's keys and values of `encoder_sequence` (B, S, D), made once."""
        return self.cross_attention.project(encoder_sequence)

    width_axes = {"decoder_sequence": "D", "encoder_sequence": "E"}

    def compute_output_shape(self, decoder_sequence_shape, encoder_sequence_shape=None):
        shapes = decoder_sequence_shape, encoder_sequence_shape
        require_sequences(self.known_sizes(), *(shape and tuple(shape) for shape in shapes))
        return decoder_sequence_shape

    def compute_output_spec(self, *args, **kwargs):
        given = inspect.signature(self.call).bind(*args, **kwargs).arguments
        return decoder_output_spec(self, given)
