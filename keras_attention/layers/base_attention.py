"""The base class of attention with one score for each pair of query and key."""

import inspect

import keras
from keras import ops

from keras_attention import masks
from keras_attention._validation import require_positive_integer, require_rate
from keras_attention.graph.map_chunks import map_chunks
from keras_attention.graph.matmul import matmul
from keras_attention.layers.adapted_layer import AdaptedLayer
from keras_attention.layers.dropout import Dropout
from keras_attention.layers.list_of_inputs import ListOfInputs
from keras_attention.layers.require_shapes import require_shapes


class BaseAttention(ListOfInputs, AdaptedLayer):
    """Attention whose weights are a softmax of scores: alpha = softmax(score), c = alpha h.

    A subclass implements `score`, and usually `build` (which calls this one) and the projections
    `project_query` and `project_keys`. It may override

    - `align`: from scores to weights,
    - `initial_state` and `attend`, where a step attends by what the steps before it attended to,
    - `lora_kernels`, where its kernels take adapters: see `AdaptedLayer`.

    `project_query`, `align` and `attend` take the product of a recurrence, `matmul`. They multiply
    by their weights with `matmul(inputs, self.kernel, self.compute_dtype)` and hand it on to the
    methods they call. Then training a `RecurrentDecoder` makes each kernel's gradient in one
    product. In `attend` the layer does not cast a weight to the compute dtype by itself: `matmul`
    does, and `ops.cast` for other weights.

    Masking: `query_mask` and `value_mask` are per token, `attention_mask` per pair, True means
    attend, and all are ANDed with each other and with causality. A query that may attend to nothing
    yields zeros, as do its scores. Per-token masks may also arrive from a stock layer upstream.

    Args:
        dropout: rate on the attention weights, in [0, 1).
        chunk_size: how many queries are scored at a time; the gradient computes what `score` makes
            on its way again. None scores all at once.
        seed: integer for the dropout.

    Call arguments and results are those of `AdditiveAttention`. The call form of Keras' attention
    layers, `layer([query, value, key], mask=[query_mask, value_mask])`, works too.

    Raises:
        ValueError: if a size or rate is out of range, or an input has another rank or size.

    Example:

    >>> class Distance(BaseAttention):
    ...     def score(self, query, key):  # minus the squared distance
    ...         difference = ops.expand_dims(query, 2) - ops.expand_dims(key, 1)
    ...         return -ops.sum(ops.square(difference), -1)
    >>> Distance(chunk_size=4)(keras.random.normal((3, 5, 8)), keras.random.normal((3, 7, 8))).shape
    (3, 5, 8)
    """

    def __init__(self, dropout=0.0, chunk_size=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        require_rate("dropout", dropout)
        if chunk_size is not None:
            require_positive_integer("chunk_size", chunk_size)
        self.dropout = dropout
        self.chunk_size = chunk_size
        self.seed = seed
        self.supports_masking = True
        self._dropout = Dropout(dropout, seed=seed, dtype=self.dtype_policy)

    def build(self, query_shape, value_shape, key_shape=None):
        self._dropout.build((None, None, None))
        self.built = True

    def lora_kernels(self):
        return {}

    def project_query(self, query, matmul=matmul):
        """The queries (B, T, D) as `score` takes them: (B, T, U)."""
        return query

    def project_keys(self, key):
        """The keys (B, S, Dk) as `score` takes them: (B, S, U)."""
        return key

    def score(self, query, key):
        """How well each query fits each key, before mask and softmax.

        Args:
            query: projected queries (B, t, U); t is at most `chunk_size`.
            key: projected keys (B, S, U).

        Returns:
            (B, t, S).
        """
        raise NotImplementedError(f"{type(self).__name__} must implement `score`.")

    def align(self, scores, query, mask, matmul=matmul):
        """The weight of every value: the softmax of `scores` where `mask` allows it.

        Args:
            scores: (B, T, S).
            query: (B, T, D), before its projection.
            mask: boolean, broadcasts to (B, T, S), or None.
            matmul: the product to multiply by weights with.

        Returns:
            (B, T, S).
        """
        return masks.masked_softmax(scores, mask)

    def call(
        self,
        query,
        value,
        key=None,
        projected_keys=None,
        query_mask=None,
        value_mask=None,
        attention_mask=None,
        use_causal_mask=False,
        return_attention_scores=False,
        training=None,
        key_mask=None,
    ):
        query_mask = masks.implicit_mask(query) if query_mask is None else query_mask
        value_mask = masks.implicit_mask(value) if value_mask is None else value_mask
        key_mask = masks.implicit_mask(key) if key_mask is None else key_mask
        given = query, value, key, query_mask, value_mask, key_mask, attention_mask
        query = self.require_shapes(*given, projected_keys=projected_keys)
        if projected_keys is None:
            projected_keys = self.project_keys(value if key is None else key)
        mask = masks.attention_mask(query_mask, value_mask, key_mask, attention_mask)
        may_be_empty = mask is not None
        if use_causal_mask:
            causal = masks.causal_mask(ops.shape(query)[1], ops.shape(value)[1])
            mask = masks.combine(mask, causal)
        context, weights = self._attend(query, value, projected_keys, mask, may_be_empty, training)
        return (context, weights) if return_attention_scores else context

    def known_sizes(self):
        widths = self.built_widths()
        return {"D": widths.get("query"), "K": widths.get("key", widths.get("value"))}

    def require_shapes(
        self,
        query,
        value,
        key=None,
        query_mask=None,
        value_mask=None,
        key_mask=None,
        attention_mask=None,
        projected_keys=None,
        **options,
    ):
        """Raises `ValueError` unless the arguments of a call have the shapes that it takes.

        Returns the first of them: see `require_shapes`.
        """
        return require_shapes(
            self.known_sizes(),
            query=(query, "B T D"),
            value=(value, "B S K" if key is None and projected_keys is None else "B S V"),
            key=(key, "B S K"),
            projected_keys=(projected_keys, "B S U"),
            query_mask=(query_mask, "B T"),
            value_mask=(value_mask, "B S"),
            key_mask=(key_mask, "B S"),
            attention_mask=(attention_mask, "T? S? | B? T? S?"),
        )

    def _attend(
        self, query, value, projected_keys, mask, may_be_empty, training=None, matmul=matmul
    ):
        """Context (B, T, Dv) and weights (B, T, S).

        If `may_be_empty`, the mask may leave a query with nothing to attend to.
        """
        queries = self.project_query(query, matmul=matmul)
        scores = self._score_in_chunks(queries, projected_keys, training)  # (B, T, S)
        weights = self.align(scores, query, mask, matmul=matmul)
        if may_be_empty:
            weights = weights * ops.cast(masks.row_may_attend(mask), weights.dtype)
        dropped = self._dropout(weights, training=training) if self.dropout else weights
        return matmul(dropped, value, dropped.dtype), weights

    def _score_in_chunks(self, queries, keys, training):
        """`score` for all queries (B, T, U), `chunk_size` of them at a time: (B, T, S)."""
        if self.chunk_size is None:
            return self.score(queries, keys)
        return map_chunks(self.score, queries, keys, self.weights, self.chunk_size, training)

    def initial_state(self, value):
        """What `attend` remembers from step to step, before the first step: here nothing.

        Args:
            value: (B, S, Dv).

        Returns:
            A structure of tensors with B rows.
        """
        return {}

    def attend(self, query, value, projected_keys, value_mask, state, training=None, matmul=matmul):
        """One step of a recurrence: attention of one query for each sentence.

        `RecurrentDecoder` calls this, not the layer.

        Args:
            query: (B, D).
            value: (B, S, Dv).
            projected_keys: from `project_keys`.
            value_mask: boolean (B, S).
            state: from `initial_state` or the step before.
            training: whether dropout is applied.
            matmul: the product to multiply by weights and by `value` with.

        Returns:
            Context (B, Dv), alignment (B, S) and the new state.
        """
        query, value, projected_keys = map(self._cast, (query, value, projected_keys))
        mask = masks.attention_mask(None, value_mask)
        context, alignment = self._attend(
            ops.expand_dims(query, 1), value, projected_keys, mask, True, training, matmul
        )
        return ops.squeeze(context, 1), ops.squeeze(alignment, 1), state

    def _cast(self, tensor):
        # A tensor that needs no cast stays the same object, by which `matmul` knows it.
        if keras.backend.standardize_dtype(tensor.dtype) == self.compute_dtype:
            return tensor
        return ops.cast(tensor, self.compute_dtype)

    def compute_mask(self, query, mask=None):
        return mask[0] if isinstance(mask, (list, tuple)) else mask

    def compute_output_shape(self, query_shape, value_shape, key_shape=None):
        shapes = query_shape, value_shape, key_shape
        query, value, key = (shape and tuple(shape) for shape in shapes)
        self.require_shapes(query, value, key)
        return (*query[:-1], value[-1])

    def compute_output_spec(self, *args, **kwargs):
        given = inspect.signature(self.call).bind(*args, **kwargs).arguments
        self.require_shapes(**given)
        query, value = given["query"], given["value"]
        shape = (*query.shape[:-1], value.shape[-1])
        context = keras.KerasTensor(shape, dtype=self.compute_dtype)
        if not given.get("return_attention_scores"):
            return context
        shape = (*query.shape[:-1], value.shape[1])
        return context, keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "dropout": self.dropout,
            "chunk_size": self.chunk_size,
            "seed": self.seed,
        }
