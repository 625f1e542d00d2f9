"""Block-sparse attention of BigBird (Zaheer et al. 2020, section 2 and appendix D)."""

import inspect
import math

import keras
from keras import ops

from keras_attention import masks
from keras_attention._validation import (
    require,
    require_positive_integer,
    require_rate,
    require_seed,
)
from keras_attention.layers import heads
from keras_attention.layers.block_attention import block_attention
from keras_attention.layers.block_pattern import pad_to_blocks
from keras_attention.layers.dropout import Dropout
from keras_attention.layers.head_projections import HeadProjections
from keras_attention.layers.random_block_plan import RANDOM_BLOCKS, random_block_plan
from keras_attention.layers.require_shapes import require_shapes


@keras.saving.register_keras_serializable(package="keras_attention")
class BlockSparseAttention(HeadProjections):
    """Multi-head self-attention in which a block of tokens sees some blocks, not all of them.

    The sequence is cut into blocks of `block_size` tokens. A query sees the keys of the blocks in a
    window around its own, of the first and last blocks of its row (the global ones, whose own
    queries see everything), and of some random blocks. Time and memory grow in proportion to the
    length, in the forward and the backward pass; no (T, T) is ever made unless the scores are asked
    for.

    It computes what attention over all tokens computes whose scores of a query and a key have the
    logarithm of how often the pattern names their blocks added: window and global blocks once
    together, each random block once more.

    The last global block is the one with the row's own last token, whatever stands after it. So
    neither padding nor the other rows change an answer. Rows of any length are computed by the
    pattern, short ones too: HuggingFace's model computes attention over all tokens for rows of up
    to 5 + 2 `num_random_blocks` blocks.

    The random blocks are a weight that is not trained, `random_block_indices` (H, N, R): a saved
    layer says what it computes. There is one plan, for the longest input of N blocks; where it
    names blocks that a row does not have, the row has fewer random blocks.

    Args:
        num_heads: number of heads H.
        key_dim: width K of a head's queries and keys.
        value_dim: width Kv of a head's values; `key_dim` by default.
        output_dim: width of the output, that of the input by default.
        block_size: tokens in a block.
        num_window_blocks: number of blocks in the window, an odd one: the query's own is in its
            middle.
        num_global_blocks: number of global blocks, an even one: half of them are a row's first
            blocks, half its last.
        num_random_blocks: number R of random blocks; 0 for none.
        random_blocks: "original", drawn as by the authors' program with `plan_seed`, in training
            and afterwards; or "hugging_face", block 0 for all, which is what HuggingFace's model
            computes in evaluation. See `random_block_plan`.
        max_sequence_length: the longest input in tokens, for which random blocks are planned;
            without random blocks any length will do.
        plan_seed: integer; of the random blocks. BigBird's layers have their index.
        dropout: rate on the attention weights, in [0, 1).
        use_bias: whether the projections have biases.
        kernel_initializer, kernel_regularizer, kernel_constraint: of each projection matrix.
        bias_initializer, bias_regularizer, bias_constraint: of each bias.
        seed: integer for the dropout.

    Call arguments:
        inputs: (B, T, D); T need not be a multiple of `block_size`.
        padding_mask: boolean (B, T), True at tokens; Keras' tools pass it as `mask`. A query that
            is no token yields zeros, as do its scores.
        return_attention_scores: whether to return the scores too, which are as many as those of
            attention over all tokens.
        training: whether dropout is applied, and whether less is kept for the gradient.

    Returns:
        (B, T, output_dim); with `return_attention_scores` also (B, H, T, T).

    Raises:
        ValueError: if a size or a rate is out of range, or an input has another rank or size or is
            longer than `max_sequence_length`.

    Example:

    >>> layer = BlockSparseAttention(num_heads=2, key_dim=16, block_size=4, num_random_blocks=1)
    >>> layer(keras.random.normal((3, 50, 32))).shape
    (3, 50, 32)

    Reference: Zaheer et al. 2020, "Big Bird: Transformers for Longer Sequences", section 2 and
    appendix D, https://arxiv.org/abs/2007.14062
    """

    stock_layer = None

    def __init__(
        self,
        num_heads,
        key_dim,
        value_dim=None,
        output_dim=None,
        block_size=64,
        num_window_blocks=3,
        num_global_blocks=2,
        num_random_blocks=3,
        random_blocks="original",
        max_sequence_length=4096,
        plan_seed=0,
        dropout=0.0,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        seed=None,
        **kwargs,
    ):
        super().__init__(
            num_heads,
            key_dim,
            value_dim,
            output_dim,
            use_bias,
            kernel_initializer,
            bias_initializer,
            **kwargs,
        )
        require_positive_integer("block_size", block_size)
        require_positive_integer("num_window_blocks", num_window_blocks)
        require(
            num_window_blocks % 2 == 1,
            "num_window_blocks",
            "an odd number: as many before a query's own block as after it",
            num_window_blocks=num_window_blocks,
        )
        require_positive_integer("num_global_blocks", num_global_blocks)
        require(
            num_global_blocks % 2 == 0,
            "num_global_blocks",
            "an even number: as many at the start of a row as at its end",
            num_global_blocks=num_global_blocks,
        )
        require_seed("num_random_blocks", num_random_blocks)
        require(
            random_blocks in RANDOM_BLOCKS,
            "random_blocks",
            f"one of {RANDOM_BLOCKS}",
            random_blocks=random_blocks,
        )
        require_positive_integer("max_sequence_length", max_sequence_length)
        require_seed("plan_seed", plan_seed, 2**32 - 1)
        require_rate("dropout", dropout)
        self.block_size = block_size
        self.num_window_blocks = num_window_blocks
        self.num_global_blocks = num_global_blocks
        self.num_random_blocks = num_random_blocks
        self.random_blocks = random_blocks
        self.max_sequence_length = max_sequence_length
        self.plan_seed = plan_seed
        self.dropout = dropout
        self.seed = seed
        self._dropout = Dropout(dropout, seed=seed, dtype=self.dtype_policy)

    def build(self, inputs_shape):
        super().build(inputs_shape)
        self._dropout.build((None, None, None))
        self.random_block_indices = None
        if self.num_random_blocks:
            plan = random_block_plan(
                self.random_blocks,
                self.num_heads,
                self.max_sequence_length,
                self.block_size,
                self.num_window_blocks,
                self.num_global_blocks // 2,
                self.num_random_blocks,
                self.plan_seed,
            )
            self.random_block_indices = self.add_weight(
                name="random_block_indices",
                shape=plan.shape,
                dtype="int32",
                initializer=lambda shape, dtype: ops.convert_to_tensor(plan, dtype=dtype),
                trainable=False,
            )

    def call(
        self,
        inputs,
        padding_mask=None,
        return_attention_scores=False,
        training=None,
        mask=None,
    ):
        if padding_mask is None:
            padding_mask = masks.implicit_mask(inputs) if mask is None else mask
        inputs = self.require_shapes(inputs, padding_mask)
        batch_size, length, _ = ops.shape(inputs)
        if padding_mask is None:
            tokens = ops.ones((batch_size, length), dtype="bool")
        else:
            tokens = ops.cast(padding_mask, "bool")
        padded = pad_to_blocks(inputs, self.block_size)
        query, key, value = self.project_all(padded)  # (B, H, N * b, K)
        context, scores = block_attention(
            query * (1.0 / math.sqrt(self.key_dim)),
            key,
            value,
            pad_to_blocks(tokens, self.block_size),
            self._plan(query),
            block_size=self.block_size,
            window=self.num_window_blocks,
            ends=self.num_global_blocks // 2,
            dropout=self._dropout if self.dropout else None,
            with_scores=return_attention_scores,
            training=training,
        )
        output = self.project_output(heads.merge_heads(context, padded)[:, :length])
        if padding_mask is not None:
            output = output * ops.cast(ops.expand_dims(tokens, 2), output.dtype)
        if not return_attention_scores:
            return output
        scores = scores[:, :, :length, :length]
        return output, scores * ops.cast(ops.reshape(tokens, (-1, 1, length, 1)), scores.dtype)

    def _plan(self, query):
        """The random blocks (H, N, R) of the N blocks of `query` (B, H, N * b, K), or None."""
        if self.random_block_indices is None:
            return None
        blocks = ops.shape(query)[2] // self.block_size
        require(
            not isinstance(blocks, int) or blocks <= self.random_block_indices.shape[1],
            "inputs",
            "of at most `max_sequence_length` tokens, for which random blocks are planned",
            max_sequence_length=self.max_sequence_length,
            blocks=blocks,
            block_size=self.block_size,
        )
        return ops.convert_to_tensor(self.random_block_indices)[:, :blocks]

    def known_sizes(self):
        return {"D": self.built_widths().get("inputs")}

    def require_shapes(self, inputs, padding_mask=None):
        """Raises `ValueError` unless the arguments of a call have the shapes that it takes.

        Returns the first of them: see `require_shapes`.
        """
        return require_shapes(
            self.known_sizes(), inputs=(inputs, "B T D"), padding_mask=(padding_mask, "B T")
        )

    def compute_mask(self, inputs, mask=None):
        return mask

    def compute_output_shape(self, inputs_shape):
        self.require_shapes(tuple(inputs_shape))
        return (*inputs_shape[:-1], self.output_dim or inputs_shape[-1])

    def compute_output_spec(self, *args, **kwargs):
        given = inspect.signature(self.call).bind(*args, **kwargs).arguments
        inputs = given["inputs"]
        self.require_shapes(inputs, given.get("padding_mask"))
        output = keras.KerasTensor(self.compute_output_shape(inputs.shape), self.compute_dtype)
        if not given.get("return_attention_scores"):
            return output
        batch_size, length, _ = inputs.shape
        shape = (batch_size, self.num_heads, length, length)
        return output, keras.KerasTensor(shape, self.compute_dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "block_size": self.block_size,
            "num_window_blocks": self.num_window_blocks,
            "num_global_blocks": self.num_global_blocks,
            "num_random_blocks": self.num_random_blocks,
            "random_blocks": self.random_blocks,
            "max_sequence_length": self.max_sequence_length,
            "plan_seed": self.plan_seed,
            "dropout": self.dropout,
            "seed": self.seed,
        }
