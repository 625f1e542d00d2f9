"""One block of the transformer encoder (Vaswani et al. 2017, section 3.1)."""

import keras

from keras_attention import masks
from keras_attention.layers.require_shapes import pairs, require_shapes, sizes_fit
from keras_attention.layers.transformer_block import TransformerBlock


@keras.saving.register_keras_serializable(package="keras_attention")
class TransformerEncoder(TransformerBlock):
    """Self-attention and feed-forward, each with dropout, a residual and layer normalisation.

    A subclass may override `make_attention`, `make_feed_forward` and `make_normalization`: see
    `TransformerBlock`; and `attend`, which calls the attention.

    Padding: `padding_mask` (or the mask of a stock layer upstream) hides padded tokens from all
    others; what stands at padded positions never changes the rest.

    Args: those of `TransformerBlock`.

    Call arguments:
        inputs: (B, T, D).
        padding_mask: boolean (B, T), True at tokens; Keras' tools pass it as `mask`.
        attention_mask: boolean, broadcasts to (T, T), (B, T, T) or (B, H, T, T).
        return_attention_scores: whether to return the scores too.
        training: whether dropout is applied.

    Returns:
        (B, T, D); with `return_attention_scores` also (B, H, T, T).

    Raises:
        ValueError: if a size or rate is out of range, `num_heads` does not divide D, or an input
            has another rank or size.

    Example:

    >>> block = TransformerEncoder(intermediate_dim=64, num_heads=2)
    >>> block(keras.random.normal((3, 5, 16)), padding_mask=np.ones((3, 5), "bool")).shape
    (3, 5, 16)

    Reference: Vaswani et al. 2017, "Attention Is All You Need", section 3.1,
    https://arxiv.org/abs/1706.03762
    """

    stock_layer = "keras_hub.layers.TransformerEncoder"

    def build(self, inputs_shape):
        width = inputs_shape[-1]
        attention = self.make_attention(width, "self_attention")
        self.add_sublayer(attention, "self_attention", inputs_shape)
        self.add_sublayer(
            self.make_feed_forward(width, "feed_forward"), "feed_forward", inputs_shape
        )
        self.built = True

    def call(
        self,
        inputs,
        padding_mask=None,
        attention_mask=None,
        return_attention_scores=False,
        training=None,
        mask=None,
    ):
        if padding_mask is None:
            padding_mask = masks.implicit_mask(inputs) if mask is None else mask
        inputs = self.require_shapes(inputs, padding_mask, attention_mask)

        def attend(x):
            result = self.attend(x, padding_mask, attention_mask, return_attention_scores, training)
            return result if return_attention_scores else (result,)

        with sizes_fit():
            x, *scores = self.residual(inputs, "self_attention", attend, training)
            (x,) = self.residual(
                x, "feed_forward", lambda x: (self.feed_forward(x, training=training),), training
            )
        return (x, *scores) if return_attention_scores else x

    def attend(self, x, padding_mask, attention_mask, return_attention_scores, training):
        """Calls the layer of `make_attention`. A subclass whose layer is called otherwise overrides
        it.

        Args: as of a call; the masks may be None.

        Returns:
            (B, T, D); with `return_attention_scores` also (B, H, T, T).
        """
        return self.self_attention(
            x,
            value_mask=padding_mask,
            attention_mask=attention_mask,
            return_attention_scores=return_attention_scores,
            training=training,
        )

    width_axes = {"inputs": "D"}

    def require_shapes(self, inputs, padding_mask=None, attention_mask=None):
        """Raises `ValueError` unless the arguments of a call have the shapes that it takes.

        Returns the first of them: see `require_shapes`.
        """
        return require_shapes(
            {"H": self.num_heads, **self.known_sizes()},
            inputs=(inputs, "B T D"),
            padding_mask=(padding_mask, "B T"),
            attention_mask=(attention_mask, pairs("T", "T")),
        )

    def compute_output_shape(self, inputs_shape):
        self.require_shapes(tuple(inputs_shape))
        return inputs_shape

    def compute_output_spec(
        self,
        inputs,
        padding_mask=None,
        attention_mask=None,
        return_attention_scores=False,
        training=None,
        mask=None,
    ):
        self.require_shapes(inputs, padding_mask, attention_mask)
        output = keras.KerasTensor(inputs.shape, dtype=self.compute_dtype)
        if not return_attention_scores:
            return output
        batch_size, length, _ = inputs.shape
        shape = (batch_size, self.num_heads, length, length)
        return output, keras.KerasTensor(shape, dtype=self.compute_dtype)
