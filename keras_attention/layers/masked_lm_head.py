"""From vectors to logits over the vocabulary, at masked positions (Devlin et al. 2018)."""

import keras
from keras import ops

from keras_attention import activations
from keras_attention.graph.matmul import flatten
from keras_attention.layers.layer import Layer


@keras.saving.register_keras_serializable(package="keras_attention")
class MaskedLMHead(Layer):
    """LayerNorm(activation(x W + b)) E^T + a bias for each token, E being the embedding matrix.

    The embedding's matrix is the output projection, not a copy of it: both uses train it. A file of
    Keras and `type(model).from_config(model.get_config())` keep that. `keras.models.clone_model`
    makes each layer anew by itself: it gives the head an embedding of its own.

    Args:
        embedding: the model's `TokenAndPositionEmbedding`.
        activation: "gelu" (exact), "gelu_new" (by tanh) or any of Keras.
        layer_norm_epsilon: epsilon of the norm.
        kernel_initializer: of W.
        bias_initializer: of b and of the tokens' biases.

    Call arguments:
        inputs: (B, T, D), the encoder's output.
        mask_positions: integer (B, P), which positions of each row to predict; all if not given.
            Slots that a row has no use for may point anywhere: the loss gives them weight 0.

    Returns:
        Logits (B, P, V).

    Example:

    >>> embedding = TokenAndPositionEmbedding(100, 16, 8)
    >>> x = embedding(np.array([[4, 7, 9]]))
    >>> MaskedLMHead(embedding)(x, np.array([[1, 2]])).shape
    (1, 2, 100)

    Reference: Devlin et al. 2018, "BERT: Pre-training of Deep Bidirectional Transformers for
    Language Understanding", section 3.1, https://arxiv.org/abs/1810.04805
    """

    def __init__(
        self,
        embedding,
        activation="gelu",
        layer_norm_epsilon=1e-12,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.embedding = embedding
        self.activation = activations.get(activation)
        self.layer_norm_epsilon = layer_norm_epsilon
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.dense = keras.layers.Dense(
            embedding.embedding_dim,
            activation=self.activation,
            kernel_initializer=self.kernel_initializer.clone(),
            bias_initializer=self.bias_initializer.clone(),
            dtype=self.dtype_policy,
            name="dense",
        )
        self.normalization = keras.layers.LayerNormalization(
            epsilon=layer_norm_epsilon, dtype=self.dtype_policy, name="normalization"
        )

    def build(self, inputs_shape, mask_positions_shape=None):
        if not self.embedding.built:
            self.embedding.build((None, None))
        self.dense.build((None, inputs_shape[-1]))
        self.normalization.build((None, self.dense.units))
        self.token_bias = self.add_weight(
            name="token_bias",
            shape=(self.embedding.vocabulary_size,),
            initializer=self.bias_initializer,
        )
        self.built = True

    def call(self, inputs, mask_positions=None):
        positions = inputs if mask_positions is None else mask_positions
        rows = flatten(inputs)  # (B * T, D)
        if mask_positions is not None:
            # One flat gather: its gradient is one flat scatter.
            batch_size, length, _ = ops.shape(inputs)
            first = ops.expand_dims(ops.arange(batch_size, dtype="int32") * length, 1)
            indices = ops.cast(mask_positions, "int32") + first
            rows = ops.take(rows, ops.reshape(indices, (-1,)), axis=0)  # (B * P, D)
        x = self.normalization(self.dense(rows))
        logits = ops.cast(self.embedding(x, reverse=True), self.compute_dtype)
        logits = logits + ops.cast(self.token_bias, self.compute_dtype)
        return ops.reshape(logits, (-1, ops.shape(positions)[1], logits.shape[-1]))

    def compute_output_shape(self, inputs_shape, mask_positions_shape=None):
        shape = inputs_shape if mask_positions_shape is None else mask_positions_shape
        return (*shape[:2], self.embedding.vocabulary_size)

    def get_config(self):
        return {
            **super().get_config(),
            "embedding": keras.saving.serialize_keras_object(self.embedding),
            "activation": activations.serialize(self.activation),
            "layer_norm_epsilon": self.layer_norm_epsilon,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        embedding = keras.saving.deserialize_keras_object(
            config["embedding"], custom_objects=custom_objects
        )
        return cls(**{**config, "embedding": embedding})
