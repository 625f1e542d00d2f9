"""The two narrow matrices that LoRA trains in the place of a kernel (Hu et al. 2021)."""

from keras import ops

from keras_attention.graph.matmul import linear, matmul
from keras_attention.layers import heads
from keras_attention.layers.layer import Layer


class LowRankAdapter(Layer):
    """What LoRA adds to a kernel (D, U): the product A B, times `alpha` / `rank`.

    Where a kernel holds several matrices side by side, as those of queries, keys and values, each
    has an A (D, R) and a B (R, width) of its own: what one learns is what it would learn alone.

    A layer makes and holds its adapters (`AdaptedLayer`), and calls their methods, not the adapter.
    Both matrices are float32, as in Keras: an update may be too small for half precision.

    Args:
        input_dim: D.
        widths: list of the widths of the matrices side by side, whose sum is U.
        rank: R.
        alpha: see above.
        a_initializer, b_initializer: of A and of B.
        regularizer: of each of these matrices.
        kind: of the kernel in names of weights, "kernel" or "embeddings".

    Reference: Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models", section 4.1,
    https://arxiv.org/abs/2106.09685
    """

    is_adapter = True

    def __init__(
        self,
        input_dim,
        widths,
        rank,
        alpha,
        a_initializer,
        b_initializer,
        regularizer=None,
        kind="kernel",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.input_dim = input_dim
        self.widths = list(widths)
        self.rank = rank
        self.alpha = alpha
        self.a_initializer = a_initializer
        self.b_initializer = b_initializer
        self.regularizer = regularizer
        self.kind = kind

    def build(self, inputs_shape=None):
        ranks = [self.rank] * len(self.widths)
        for name, shape, widths, initializer in (
            ("a", (self.input_dim, sum(ranks)), ranks, self.a_initializer),
            ("b", (self.rank, sum(self.widths)), self.widths, self.b_initializer),
        ):
            rules = heads.rules_side_by_side(self.regularizer, None, widths)
            weight = self.add_weight(
                name=f"lora_{self.kind}_{name}",
                shape=shape,
                initializer=heads.side_by_side(initializer, widths),
                dtype="float32",
                regularizer=rules["regularizer"],
            )
            setattr(self, name, weight)
        self.built = True

    def product(self, inputs, dtype, matmul=matmul):
        """`inputs` (..., D) times what is added to the kernel, in `dtype`: (..., U).

        `matmul` is the product to multiply by both matrices with, such as that of a recurrence.
        """
        return self._expanded(matmul(inputs, self.a, dtype), dtype, matmul)

    def rows(self, indices, dtype):
        """Rows of what is added to the kernel, as an embedding takes them: (..., U)."""
        if not indices.shape:
            return self.rows(ops.reshape(indices, (1,)), dtype)[0]
        return self._expanded(ops.take(self.a, indices, axis=0), dtype)

    def product_with_transposed(self, inputs, dtype):
        """`inputs` (..., U) times the transpose of what is added: (..., D). Of one matrix alone."""
        scaled = ops.cast(inputs, dtype) * (self.alpha / self.rank)
        narrow = linear(scaled, ops.transpose(self.b), dtype)
        return linear(narrow, ops.transpose(self.a), dtype)

    def added(self):
        """What is added to the kernel: (D, U) float32."""
        return self._expanded(self.a, "float32")

    def _expanded(self, narrow, dtype, matmul=matmul):
        """(..., R) of each matrix side by side -> (..., U)."""
        narrow = ops.cast(narrow, dtype) * (self.alpha / self.rank)
        if len(self.widths) == 1:
            return matmul(narrow, self.b, dtype)
        ends = [sum(self.widths[:n]) for n in range(1, len(self.widths))]
        parts = ops.split(narrow, len(self.widths), axis=-1)
        columns = ops.split(ops.cast(self.b, dtype), ends, axis=-1)
        pairs = zip(parts, columns, strict=True)
        return ops.concatenate([linear(part, b, dtype) for part, b in pairs], axis=-1)
