"""From vectors to logits over the vocabulary, at masked positions (Devlin et al. 2018)."""

import warnings

import keras
from keras import ops

from keras_attention import activations, masks
from keras_attention._validation import require, require_positive_integer, take_words
from keras_attention.graph.matmul import flatten, linear, reshape_rows
from keras_attention.keras_private import (
    layers_within,
    operations_before,
    replace_part,
    set_mask,
)
from keras_attention.layers.clone_initializer import clone_initializer
from keras_attention.layers.layer import Layer
from keras_attention.layers.output_projection import OutputProjection, output_projection
from keras_attention.layers.require_shapes import require_shapes

AFTER_LOGITS = ("softmax", "log_softmax", "sigmoid")


@keras.saving.register_keras_serializable(package="keras_attention")
class MaskedLMHead(Layer):
    """LayerNorm(activation(x W + b)) E^T + a bias for each token, E being the embedding matrix.

    The embedding's matrix is the output projection, not a copy of it: both uses train it. Without
    an embedding, E is a matrix of the head's own. Files of Keras keep that, and so do `from_config`
    and `keras.models.clone_model` of a functional model: a head that they make anew takes, in its
    first symbolic call, the embedding of the same name and config among the layers before it. If
    there is none, it warns.

    Args:
        embedding: the model's `TokenAndPositionEmbedding` or `keras.layers.ReversibleEmbedding`;
            also called `token_embedding`.
        activation: "gelu" (exact), "gelu_new" (by tanh) or any of Keras; also called
            `intermediate_activation`. What comes out is logits: there is no function after them.
        layer_norm_epsilon: epsilon of the norm.
        kernel_initializer, kernel_regularizer, kernel_constraint: of W, and of a matrix E of the
            head's own.
        bias_initializer, bias_regularizer, bias_constraint: of b and of the tokens' biases.
        vocabulary_size: number of tokens V; needed without an embedding.

    Call arguments:
        inputs: (B, T, D), the encoder's output.
        mask_positions: integer (B, P), which positions of each row to predict; all if not given.
            Slots that a row has no use for may point anywhere: the loss gives them weight 0. What
            is outside of the row is read at its nearest end, never in another row.

    Returns:
        Logits (B, P, V).

    Raises:
        ValueError: if neither or both of `embedding` and its own matrix's `vocabulary_size` are
            given and differ, or an input has another rank or size.

    Example:

    >>> embedding = TokenAndPositionEmbedding(100, 16, 8)
    >>> x = embedding(np.array([[4, 7, 9]]))
    >>> MaskedLMHead(embedding)(x, np.array([[1, 2]])).shape
    (1, 2, 100)

    Reference: Devlin et al. 2018, "BERT: Pre-training of Deep Bidirectional Transformers for
    Language Understanding", section 3.1, https://arxiv.org/abs/1810.04805
    """

    stock_layer = "keras_hub.layers.MaskedLMHead"
    weight_kinds = ("kernel", "bias")

    def __init__(
        self,
        embedding=None,
        activation="gelu",
        layer_norm_epsilon=1e-12,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        vocabulary_size=None,
        **kwargs,
    ):
        between = kwargs.pop("intermediate_activation", None)
        # KerasHub's `activation` comes after the logits; "linear", its default, asks for nothing.
        name = getattr(activations.get(activation), "__name__", None)
        is_after = between is not None and name not in ("exact_gelu", "linear")
        require(
            not is_after and name not in AFTER_LOGITS,
            "activation",
            "the function before the norm: the head returns logits, to which `keras.ops.softmax` "
            "can be applied",
            activation=activation,
        )
        renamed = {"token_embedding": ("embedding", embedding)}
        embedding = take_words(type(self).__name__, kwargs, renamed)["embedding"]
        super().__init__(**kwargs)
        if embedding is not None:
            size, width = _sizes(embedding)
            require(
                vocabulary_size in (None, size),
                "vocabulary_size",
                "that of the embedding",
                vocabulary_size=vocabulary_size,
                embedding_vocabulary_size=size,
            )
            vocabulary_size = size
        require_positive_integer("vocabulary_size", vocabulary_size)
        self.vocabulary_size = vocabulary_size
        self.embedding = embedding
        self.supports_masking = True
        self._is_made_anew = False  # with an embedding that was made for it: see `from_config`
        self.activation = activations.get(activation if between is None else between)
        self.layer_norm_epsilon = layer_norm_epsilon
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        # Without an embedding, `build` knows how wide it is.
        self.dense = None if embedding is None else self._make_dense(width)
        self.normalization = keras.layers.LayerNormalization(
            epsilon=layer_norm_epsilon, dtype=self.dtype_policy, name="normalization"
        )

    def __call__(self, inputs, *args, **kwargs):
        if self._is_made_anew and isinstance(inputs, keras.KerasTensor):
            self._is_made_anew = False
            self._share_embedding(inputs)
        return super().__call__(inputs, *args, **kwargs)

    def _share_embedding(self, inputs):
        """Takes the embedding of the graph that `inputs` belong to, instead of a copy of it."""
        own = self.embedding
        for operation in operations_before(inputs):
            layers = layers_within(operation) if isinstance(operation, keras.Model) else [operation]
            for layer in layers:
                if type(layer) is type(own) and layer.get_config() == own.get_config():
                    replace_part(self, "embedding", layer)
                    return
        warnings.warn(
            f"The output projection of {self.name!r} is a matrix of its own: it was that of an "
            f"embedding named {own.name!r}, and none of the layers before it is that one.",
            stacklevel=4,
        )

    def _make_dense(self, width):
        return keras.layers.Dense(
            width,
            activation=self.activation,
            kernel_initializer=clone_initializer(self.kernel_initializer),
            bias_initializer=clone_initializer(self.bias_initializer),
            **self.part_rules(),
            dtype=self.dtype_policy,
            name="dense",
        )

    def build(self, inputs_shape, mask_positions_shape=None):
        if self.embedding is None:
            width = inputs_shape[-1]
            self.dense = self._make_dense(width)
            self.output_kernel = self.add_weight(
                name="output_kernel",
                shape=(width, self.vocabulary_size),
                initializer=clone_initializer(self.kernel_initializer),
                **self.weight_rules("kernel"),
            )
        elif not self.embedding.built:
            self.embedding.build((None, None))
        self.dense.build((None, inputs_shape[-1]))
        self.normalization.build((None, self.dense.units))
        self.token_bias = self.add_weight(
            name="token_bias",
            shape=(self.vocabulary_size,),
            initializer=self.bias_initializer,
            **self.weight_rules("bias"),
        )
        self.built = True

    def call(self, inputs, mask_positions=None):
        inputs = self.require_shapes(inputs, mask_positions)
        x = self._transformed(inputs, mask_positions)
        if self.embedding is None:
            logits = linear(x, self.output_kernel, self.compute_dtype)
        else:
            logits = ops.cast(self.embedding(x, reverse=True), self.compute_dtype)
        logits = logits + ops.cast(self.token_bias, self.compute_dtype)
        return _by_position(logits, inputs, mask_positions)

    def _transformed(self, inputs, mask_positions):
        """The rows (B * P, D) that the output projection multiplies."""
        rows = flatten(inputs)  # (B * T, D)
        if mask_positions is not None:
            # One flat gather: its gradient is one flat scatter.
            batch_size, length, width = ops.shape(inputs)
            first = ops.expand_dims(ops.arange(batch_size, dtype="int32") * length, 1)
            indices = _clip(mask_positions, length) + first
            if inputs.shape[1] in (0, None):  # where there is no row, one of zeros is read
                missing = ops.maximum(1 - batch_size * length, 0) if inputs.shape[1] is None else 1
                rows = ops.concatenate([rows, ops.zeros((missing, width), rows.dtype)])
            rows = ops.take(rows, ops.reshape(indices, (-1,)), axis=0)  # (B * P, D)
        return self.normalization(self.dense(rows))

    def before_projection(self, inputs, mask_positions=None):
        """What `projection` makes the logits of: (B, P, D), in the place of `call`."""
        return _by_position(self._transformed(inputs, mask_positions), inputs, mask_positions)

    def projection(self):
        """The `OutputProjection` to the logits; None of an embedding that may do more."""
        if self.embedding is None:
            return OutputProjection(self.output_kernel, self.token_bias, False, self.compute_dtype)
        found = output_projection(self.embedding, reverse=True)
        return None if found is None else found._replace(bias=self.token_bias)

    width_axes = {"inputs": "D"}

    def require_shapes(self, inputs, mask_positions=None):
        """Raises `ValueError` unless the arguments of a call have the shapes that it takes.

        Returns the first of them: see `require_shapes`.
        """
        return require_shapes(
            self.known_sizes(), inputs=(inputs, "B T D"), mask_positions=(mask_positions, "B P")
        )

    def compute_output_spec(self, inputs, mask_positions=None):
        shapes = (None if x is None else x.shape for x in (inputs, mask_positions))
        logits = keras.KerasTensor(self.compute_output_shape(*shapes), self.compute_dtype)
        _leave_mask_at(logits, inputs, mask_positions)
        return logits

    def compute_output_shape(self, inputs_shape, mask_positions_shape=None):
        shapes = inputs_shape, mask_positions_shape
        self.require_shapes(*(shape and tuple(shape) for shape in shapes))
        shape = inputs_shape if mask_positions_shape is None else mask_positions_shape
        return (*shape[:2], self.vocabulary_size)

    def get_config(self):
        return {
            **super().get_config(),
            "embedding": keras.saving.serialize_keras_object(self.embedding),
            "vocabulary_size": self.vocabulary_size,
            "activation": activations.serialize(self.activation),
            "layer_norm_epsilon": self.layer_norm_epsilon,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        embedding = config["embedding"] and keras.saving.deserialize_keras_object(
            config["embedding"], custom_objects=custom_objects
        )
        layer = cls(**{**config, "embedding": embedding})
        layer._is_made_anew = embedding is not None
        return layer


def _sizes(embedding):
    """V and D of an embedding of ours, or of a stock one."""
    if hasattr(embedding, "vocabulary_size"):
        return embedding.vocabulary_size, embedding.embedding_dim
    return embedding.input_dim, embedding.output_dim


def _by_position(rows, inputs, mask_positions):
    """`rows` (B * P, ...) as (B, P, ...), with the mask of inputs (B, T, D) at the positions."""
    batch_size, count = ops.shape(inputs if mask_positions is None else mask_positions)[:2]
    found = reshape_rows(rows, (count, rows.shape[-1]), lambda: batch_size)
    _leave_mask_at(found, inputs, mask_positions)
    return found


def _leave_mask_at(logits, inputs, positions):
    """Leaves the mask of `inputs` (B, T, D) at `positions` (B, P) on the logits (B, P, V)."""
    mask = masks.implicit_mask(inputs)
    if mask is not None and positions is not None:
        none = ops.zeros((ops.shape(mask)[0], 1), "bool")  # read where a row is empty
        positions = _clip(positions, ops.shape(inputs)[1])
        set_mask(logits, ops.take_along_axis(ops.concatenate([mask, none], 1), positions, axis=1))


def _clip(positions, length):
    """`positions` within a row of that length; 0 in an empty one."""
    last = max(length - 1, 0) if isinstance(length, int) else ops.maximum(length - 1, 0)
    return ops.clip(ops.cast(positions, "int32"), 0, last)
