"""Multiplicative attention (Luong, Pham & Manning 2015)."""

import keras
from keras import ops

from keras_attention import masks
from keras_attention._validation import require, require_positive_integer, take_words
from keras_attention.graph.matmul import linear, matmul
from keras_attention.layers.base_attention import BaseAttention
from keras_attention.layers.clone_initializer import clone_initializer
from keras_attention.layers.require_shapes import require_shapes

SCORE_MODES = ("dot", "general", "concat")
CHUNK_SIZE = 16
# Of what may be projected, the attribute of its kernel, which a layer has or has not.
KERNELS = {
    "general": "kernel",
    "query": "query_kernel",
    "key": "key_kernel",
    "position": "position_kernel",
}


@keras.saving.register_keras_serializable(package="keras_attention")
class MultiplicativeAttention(BaseAttention):
    """Luong's global and local attention.

    With queries h_t and keys h_s the score is, by `score_mode`,

    - "dot": h_t^T h_s,
    - "general": h_t^T W h_s,
    - "concat": v^T tanh(W [h_t; h_s]), computed in chunks of queries as `AdditiveAttention` does.

    With `window` attention is local and predictive (local-p): query t looks at position p_t = S
    sigmoid(v_p^T tanh(W_p h_t)), S being the source's unpadded length, and sees only the keys
    within `window` of it, weighted by a Gaussian around p_t of standard deviation window / 2.

    Masks as in `AdditiveAttention`; a query that may attend to nothing yields zeros.

    A subclass may override `score` and the other methods that `BaseAttention` lists.

    Args:
        score_mode: "dot", "general" or "concat".
        units: width U of "concat"'s hidden layer.
        scale: whether a learned scalar, 1 at first, multiplies the scores; also called `use_scale`.
        window: D of local-p, in positions; None attends to the whole source.
        dropout: rate on the attention weights, in [0, 1).
        kernel_initializer, kernel_regularizer, kernel_constraint: of every matrix.
        score_initializer, score_regularizer, score_constraint: of v and v_p.
        chunk_size: how many queries "concat" scores at a time.
        seed: integer for the dropout.

    Call arguments:
        query: (B, T, D).
        value: (B, S, Dv).
        key: (B, S, Dk); `value` by default. "dot" needs Dk = D.
        projected_keys: from `project_keys`, made once for many calls.
        query_mask: boolean (B, T).
        value_mask, key_mask: boolean (B, S).
        attention_mask: boolean, broadcasts to (T, S) or (B, T, S).
        use_causal_mask: whether query i sees the keys up to position i only.
        return_attention_scores: whether to return the scores too.
        training: whether dropout is applied.

    Returns:
        (B, T, Dv); with `return_attention_scores` also (B, T, S).

    Raises:
        ValueError: if `score_mode` is unknown, a size or rate is out of range, `units` is missing
            for "concat", or widths differ for "dot".

    Example:

    >>> layer = MultiplicativeAttention("general")
    >>> query, value = keras.random.normal((3, 5, 16)), keras.random.normal((3, 7, 12))
    >>> layer(query, value).shape
    (3, 5, 12)

    Reference: Luong, Pham & Manning 2015, "Effective Approaches to Attention-based Neural Machine
    Translation", sections 3.1 and 3.2, https://arxiv.org/abs/1508.04025
    """

    stock_layer = "keras.layers.Attention"
    weight_kinds = ("kernel", "score")

    def __init__(
        self,
        score_mode="general",
        units=None,
        scale=False,
        window=None,
        dropout=0.0,
        kernel_initializer="glorot_uniform",
        score_initializer="glorot_uniform",
        chunk_size=CHUNK_SIZE,
        seed=None,
        **kwargs,
    ):
        renamed = {"use_scale": ("scale", scale or None)}
        scale = bool(take_words(type(self).__name__, kwargs, renamed)["scale"])
        require(
            score_mode in SCORE_MODES, "score_mode", f"one of {SCORE_MODES}", score_mode=score_mode
        )
        if score_mode == "concat" or units is not None:
            require_positive_integer("units", units)
        if window is not None:
            require_positive_integer("window", window)
        super().__init__(dropout=dropout, chunk_size=chunk_size, seed=seed, **kwargs)
        self.score_mode = score_mode
        self.units = units
        self.scale = scale
        self.window = window
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.score_initializer = keras.initializers.get(score_initializer)

    def build(self, query_shape, value_shape, key_shape=None):
        query_width = query_shape[-1]
        key_width = (value_shape if key_shape is None else key_shape)[-1]
        if self.score_mode == "dot":
            require(
                query_width == key_width,
                "query",
                'as wide as the keys, for score_mode "dot"',
                query_shape=query_shape,
                key_width=key_width,
            )
        elif self.score_mode == "general":
            self._add("kernel", "kernel", (key_width, query_width))
        else:
            self._add("query_kernel", "kernel", (query_width, self.units))
            self._add("key_kernel", "kernel", (key_width, self.units))
            self._add("score_vector", "score", (self.units, 1))
        if self.scale:
            self.score_scale = self.add_weight(name="score_scale", shape=(), initializer="ones")
        if self.window is not None:
            self._add("position_kernel", "kernel", (query_width, query_width))
            self._add("position_vector", "score", (query_width, 1))
        super().build(query_shape, value_shape, key_shape)

    def _add(self, name, kind, shape):
        initializer = clone_initializer(getattr(self, f"{kind}_initializer"))
        rules = self.weight_rules(kind)
        weight = self.add_weight(name=name, shape=shape, initializer=initializer, **rules)
        setattr(self, name, weight)

    def lora_kernels(self):
        kernels = {name: getattr(self, kernel, None) for name, kernel in KERNELS.items()}
        return {
            n: (kernel, [kernel.shape[1]]) for n, kernel in kernels.items() if kernel is not None
        }

    def known_sizes(self):
        sizes = super().known_sizes()
        return {**sizes, "U": self.units if self.score_mode == "concat" else sizes["D"]}

    def require_shapes(self, query, value, key=None, *others, projected_keys=None, **named):
        named = {"projected_keys": projected_keys, **named}
        first = super().require_shapes(query, value, key, *others, **named)
        if self.score_mode == "dot":
            keys = {"projected_keys": projected_keys, "key": key, "value": value}
            name = next(name for name, tensor in keys.items() if tensor is not None)
            require_shapes(query=(query, "B T D"), **{name: (keys[name], "B S D")})
        return first

    def project_query(self, query, matmul=matmul):
        """The queries (B, T, D) as `score` takes them: W_1 h_t for "concat", else h_t."""
        if self.score_mode != "concat":
            return query
        return self.times_by(matmul, query, "query", self.compute_dtype)

    def project_keys(self, key):
        """The keys (B, S, Dk) as `score` takes them: W h_s for "general", W_2 h_s for "concat"."""
        if self.score_mode == "dot":
            return ops.cast(key, self.compute_dtype)
        return self.times(key, "key" if self.score_mode == "concat" else "general")

    def score(self, query, key):
        """Equation 8 for projected queries (B, t, U) and keys (B, S, U): (B, t, S)."""
        if self.score_mode == "concat":
            hidden = ops.tanh(ops.expand_dims(query, 2) + ops.expand_dims(key, 1))  # (B, t, S, U)
            scores = ops.squeeze(linear(hidden, self.score_vector, self.compute_dtype), 3)
        else:
            scores = ops.matmul(query, ops.transpose(key, (0, 2, 1)))
        return scores * ops.cast(self.score_scale, scores.dtype) if self.scale else scores

    def _score_in_chunks(self, queries, keys, training):
        if self.score_mode == "concat":
            return super()._score_in_chunks(queries, keys, training)
        return self.score(queries, keys)  # makes nothing larger than its result

    def align(self, scores, query, mask, matmul=matmul):
        """The softmax of `scores`, with `window` around the predicted positions only."""
        if self.window is None:
            return super().align(scores, query, mask, matmul=matmul)
        # Equation 9, in float32: bfloat16 cannot count source positions above 256.
        hidden = ops.tanh(self.times_by(matmul, query, "position", "float32"))
        share = ops.sigmoid(linear(hidden, self.position_vector, "float32"))  # (B, T, 1)
        length = self._source_lengths(scores, mask)
        distances = ops.arange(ops.shape(scores)[2], dtype="float32") - length * share  # (B, T, S)
        mask = masks.combine(mask, ops.abs(distances) <= self.window)
        # A window that holds no key which the mask allows leaves nothing to attend to.
        weights = super().align(scores, query, mask, matmul=matmul)
        weights = weights * ops.cast(mask, weights.dtype)
        # Equation 10
        gaussian = ops.exp(-ops.square(distances) / (2 * (self.window / 2) ** 2))
        return weights * ops.cast(gaussian, weights.dtype)

    def _source_lengths(self, scores, mask):
        """S of equation 9: up to the last position that a query may attend to, (B, T, 1)."""
        if mask is None:
            return ops.cast(ops.shape(scores)[2], "float32")
        positions = ops.arange(1, ops.shape(scores)[2] + 1, dtype="float32")
        return ops.max(ops.where(mask, positions, 0.0), axis=-1, keepdims=True, initial=0.0)

    def get_config(self):
        return {
            **super().get_config(),
            "score_mode": self.score_mode,
            "units": self.units,
            "scale": self.scale,
            "window": self.window,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "score_initializer": keras.initializers.serialize(self.score_initializer),
        }
