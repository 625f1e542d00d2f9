"""Additive attention (Bahdanau, Cho & Bengio 2015)."""

import keras
from keras import ops

from keras_attention._validation import require, require_positive_integer, take_words
from keras_attention.graph.matmul import linear, matmul
from keras_attention.layers.base_attention import BaseAttention
from keras_attention.layers.clone_initializer import clone_initializer

CHUNK_SIZE = 4
REFUSED = {
    "use_scale": "its scores always have the learned vector v; with `units` it also projects query "
    "and keys, as the paper does.",
}


@keras.saving.register_keras_serializable(package="keras_attention")
class AdditiveAttention(BaseAttention):
    """Attention whose scores come from a small network: e_ij = v^T tanh(W s_i + U h_j).

    `s_i` are the queries, `h_j` the keys, W, U and v are learned. The (B, T, S, units) tensor of
    the formula is never in memory: scores are computed for a chunk of queries at a time, and again
    for the gradient.

    Masking: `query_mask` and `value_mask` are per token, `attention_mask` per pair, True means
    attend, and all are ANDed with each other and with causality. A query that may attend to nothing
    yields zeros, as do its scores. Per-token masks may also arrive from a stock layer upstream.

    A subclass may override `score`, whose gradient is that of whatever it computes, and the other
    methods that `BaseAttention` lists.

    Args:
        units: width U of the network's hidden layer.
        use_bias: whether the hidden layer has a bias.
        normalize: whether v is normalised to a learned length (Salimans & Kingma 2016), which
            begins at sqrt(1 / units).
        dropout: rate on the attention weights, in [0, 1).
        kernel_initializer, kernel_regularizer, kernel_constraint: of W and U.
        score_initializer, score_regularizer, score_constraint: of v.
        bias_initializer, bias_regularizer, bias_constraint: of the bias.
        chunk_size: how many queries are scored at a time. Memory grows with it.
        seed: integer for the dropout.

    Call arguments:
        query: (B, T, D).
        value: (B, S, Dv).
        key: (B, S, Dk); `value` by default.
        projected_keys: (B, S, U) from `project_keys`, made once for many calls.
        query_mask: boolean (B, T).
        value_mask, key_mask: boolean (B, S).
        attention_mask: boolean, broadcasts to (T, S) or (B, T, S).
        use_causal_mask: whether query i sees the keys up to position i only.
        return_attention_scores: whether to return the scores too.
        training: whether dropout is applied.

    Returns:
        (B, T, Dv); with `return_attention_scores` also (B, T, S).

    Raises:
        ValueError: if `units` is missing, a size or rate is out of range, or an input has another
            rank or size.

    Example:

    >>> layer = AdditiveAttention(units=8)
    >>> query, value = keras.random.normal((3, 5, 16)), keras.random.normal((3, 7, 12))
    >>> context, scores = layer(query, value, return_attention_scores=True)
    >>> context.shape, scores.shape
    ((3, 5, 12), (3, 5, 7))

    Reference: Bahdanau, Cho & Bengio 2015, "Neural Machine Translation by Jointly Learning to Align
    and Translate", section 3.1 and appendix A.1.2, https://arxiv.org/abs/1409.0473
    """

    stock_layer = "keras.layers.AdditiveAttention"
    weight_kinds = ("kernel", "score", "bias")

    def __init__(
        self,
        units=None,
        use_bias=False,
        normalize=False,
        dropout=0.0,
        kernel_initializer="glorot_uniform",
        score_initializer="glorot_uniform",
        bias_initializer="zeros",
        chunk_size=CHUNK_SIZE,
        seed=None,
        **kwargs,
    ):
        take_words(type(self).__name__, kwargs, refused=REFUSED, nothing=(None,))
        require(
            units is not None,
            "units",
            "given: the width of the hidden layer, through which query and keys are projected. "
            "`keras.layers.AdditiveAttention` has none: it adds query and key as they are",
            units=units,
        )
        super().__init__(dropout=dropout, chunk_size=chunk_size, seed=seed, **kwargs)
        require_positive_integer("units", units)
        require_positive_integer("chunk_size", chunk_size)
        self.units = units
        self.use_bias = use_bias
        self.normalize = normalize
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.score_initializer = keras.initializers.get(score_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)

    def build(self, query_shape, value_shape, key_shape=None):
        key_width = (value_shape if key_shape is None else key_shape)[-1]
        self.query_kernel = self.add_weight(
            name="query_kernel",
            shape=(query_shape[-1], self.units),
            initializer=self.kernel_initializer,
            **self.weight_rules("kernel"),
        )
        self.key_kernel = self.add_weight(
            name="key_kernel",
            shape=(key_width, self.units),
            initializer=clone_initializer(self.kernel_initializer),
            **self.weight_rules("kernel"),
        )
        # A column, so that the initializer sees U inputs and one output.
        self.score_vector = self.add_weight(
            name="score_vector",
            shape=(self.units, 1),
            initializer=self.score_initializer,
            **self.weight_rules("score"),
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(self.units,),
                initializer=self.bias_initializer,
                **self.weight_rules("bias"),
            )
        if self.normalize:
            self.score_length = self.add_weight(
                name="score_length",
                shape=(),
                initializer=keras.initializers.Constant(self.units**-0.5),
            )
        super().build(query_shape, value_shape, key_shape)

    def lora_kernels(self):
        kernels = {"query": self.query_kernel, "key": self.key_kernel}
        return {name: (kernel, [self.units]) for name, kernel in kernels.items()}

    def known_sizes(self):
        return {**super().known_sizes(), "U": self.units}

    def project_query(self, query, matmul=matmul):
        """W s_i for every query (B, T, D): (B, T, U)."""
        return self.times_by(matmul, query, "query", self.compute_dtype)

    def project_keys(self, key):
        """U h_j (+ bias) for every key (B, S, Dk): (B, S, U)."""
        return self.times(key, "key", self.bias)

    def score(self, query, key):
        """v^T tanh(query + key) for a chunk of queries. A subclass may override it.

        Args:
            query: projected queries (B, t, U); t is at most `chunk_size`.
            key: projected keys (B, S, U).

        Returns:
            (B, t, S).
        """
        hidden = ops.tanh(ops.expand_dims(query, 2) + ops.expand_dims(key, 1))  # (B, t, S, U)
        vector = self.score_vector
        if self.normalize:
            vector = vector * (self.score_length * ops.rsqrt(ops.sum(ops.square(vector))))
        return ops.squeeze(linear(hidden, vector, self.compute_dtype), 3)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "use_bias": self.use_bias,
            "normalize": self.normalize,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "score_initializer": keras.initializers.serialize(self.score_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }
