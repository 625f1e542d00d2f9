"""One block of the transformer encoder with block-sparse attention (Zaheer et al. 2020)."""

import keras

from keras_attention._validation import require
from keras_attention.layers.block_sparse_attention import BlockSparseAttention
from keras_attention.layers.clone_initializer import clone_initializer
from keras_attention.layers.transformer_encoder import TransformerEncoder


@keras.saving.register_keras_serializable(package="keras_attention")
class BlockSparseEncoder(TransformerEncoder):
    """A `TransformerEncoder` whose self-attention is a `BlockSparseAttention`.

    Time and memory grow in proportion to the length of the input.

    Args:
        intermediate_dim, num_heads and all others: those of `TransformerBlock`, without
            `sliding_window`: the attention has its own window.
        block_size, num_window_blocks, num_global_blocks, num_random_blocks, random_blocks,
            max_sequence_length, plan_seed: those of `BlockSparseAttention`.

    Call arguments:
        inputs: (B, T, D).
        padding_mask: boolean (B, T), True at tokens; Keras' tools pass it as `mask`.
        return_attention_scores: whether to return the scores too, as many as those of attention
            over all tokens.
        training: whether dropout is applied.

    Returns:
        (B, T, D); with `return_attention_scores` also (B, H, T, T).

    Raises:
        ValueError: if a size or rate is out of range, `num_heads` does not divide D, or an input
            has another rank or size or is too long; if there is an `attention_mask`.

    Example:

    >>> block = BlockSparseEncoder(intermediate_dim=64, num_heads=2, block_size=4)
    >>> block(keras.random.normal((3, 50, 16)), padding_mask=np.ones((3, 50), "bool")).shape
    (3, 50, 16)

    Reference: Zaheer et al. 2020, "Big Bird: Transformers for Longer Sequences",
    https://arxiv.org/abs/2007.14062
    """

    stock_layer = None

    def __init__(
        self,
        intermediate_dim,
        num_heads,
        block_size=64,
        num_window_blocks=3,
        num_global_blocks=2,
        num_random_blocks=3,
        random_blocks="original",
        max_sequence_length=4096,
        plan_seed=0,
        **kwargs,
    ):
        super().__init__(intermediate_dim, num_heads, **kwargs)
        require(
            self.sliding_window is None,
            "sliding_window",
            "left out: the window has `num_window_blocks`",
            sliding_window=self.sliding_window,
        )
        self.block_size = block_size
        self.num_window_blocks = num_window_blocks
        self.num_global_blocks = num_global_blocks
        self.num_random_blocks = num_random_blocks
        self.random_blocks = random_blocks
        self.max_sequence_length = max_sequence_length
        self.plan_seed = plan_seed
        self.make_attention(num_heads, "checked")  # what is out of range shows here

    def make_attention(self, hidden_dim, name):
        self.require_heads(hidden_dim)
        return BlockSparseAttention(
            num_heads=self.num_heads,
            key_dim=self.key_dim or hidden_dim // self.num_heads,
            **self._sparse_options(),
            dropout=self.dropout if self.attention_dropout is None else self.attention_dropout,
            use_bias=self.attention_bias,
            kernel_initializer=clone_initializer(self.kernel_initializer),
            bias_initializer=clone_initializer(self.bias_initializer),
            **self.part_rules(),
            dtype=self.dtype_policy,
            name=name,
        )

    def attend(self, x, padding_mask, attention_mask, return_attention_scores, training):
        require(
            attention_mask is None,
            "attention_mask",
            "None: which tokens attend to which is the pattern's",
            attention_mask=attention_mask,
        )
        return self.self_attention(
            x,
            padding_mask=padding_mask,
            return_attention_scores=return_attention_scores,
            training=training,
        )

    def _sparse_options(self):
        return {
            "block_size": self.block_size,
            "num_window_blocks": self.num_window_blocks,
            "num_global_blocks": self.num_global_blocks,
            "num_random_blocks": self.num_random_blocks,
            "random_blocks": self.random_blocks,
            "max_sequence_length": self.max_sequence_length,
            "plan_seed": self.plan_seed,
        }

    def get_config(self):
        return {**super().get_config(), **self._sparse_options()}
