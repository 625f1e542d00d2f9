"""The classifier of a first lesson on transformers: one block, trained from nothing."""

import keras
from keras import ops

from keras_attention import masks
from keras_attention._validation import require_positive_integer, require_rate
from keras_attention.layers.dropout import Dropout
from keras_attention.layers.token_and_position_embedding import TokenAndPositionEmbedding
from keras_attention.layers.transformer_encoder import TransformerEncoder
from keras_attention.models.bert_encoder import bert_inputs
from keras_attention.models.model import Model


@keras.saving.register_keras_serializable(package="keras_attention")
class LessonClassifier(Model):
    """Tokens and learned positions, one transformer block, the mean over tokens, two dense layers.

    Inputs are those of `BertEncoder`, of which "segment_ids" says nothing to this model; the output
    is the logits (B, C). Padding changes nothing.

    Args:
        num_classes: C.
        vocabulary_size: number of tokens V.
        max_sequence_length: the longest input, in tokens.
        num_heads: number of heads H.
        hidden_dim: width D of the model, and of each of its heads.
        intermediate_dim: width of the feed-forward layer.
        classifier_dim: width of the layer before the classifier.
        dropout: rate in the block and before each dense layer.

    Raises:
        ValueError: if a size or rate is out of range.

    Example:

    >>> LessonClassifier(num_classes=4).count_params()
    659592

    Reference: Soshnikov, "AI for Beginners", lesson 18 (Microsoft),
    https://github.com/microsoft/AI-For-Beginners
    """

    def __init__(
        self,
        num_classes,
        vocabulary_size=20_000,
        max_sequence_length=256,
        num_heads=2,
        hidden_dim=32,
        intermediate_dim=32,
        classifier_dim=20,
        dropout=0.1,
        dtype=None,
        **kwargs,
    ):
        for name, value in (
            ("num_classes", num_classes),
            ("vocabulary_size", vocabulary_size),
            ("max_sequence_length", max_sequence_length),
            ("num_heads", num_heads),
            ("hidden_dim", hidden_dim),
            ("intermediate_dim", intermediate_dim),
            ("classifier_dim", classifier_dim),
        ):
            require_positive_integer(name, value)
        require_rate("dropout", dropout)

        # Layers
        self.embedding = TokenAndPositionEmbedding(
            vocabulary_size, max_sequence_length, hidden_dim, dtype=dtype, name="embedding"
        )
        self.block = TransformerEncoder(
            intermediate_dim,
            num_heads,
            key_dim=hidden_dim,
            dropout=dropout,
            layer_norm_epsilon=1e-6,
            dtype=dtype,
            name="block",
        )
        self.pooled_dropout = Dropout(dropout, dtype=dtype, name="pooled_dropout")
        self.dense = keras.layers.Dense(
            classifier_dim, activation="relu", dtype=dtype, name="dense"
        )
        self.dense_dropout = Dropout(dropout, dtype=dtype, name="dense_dropout")
        self.classifier = keras.layers.Dense(num_classes, dtype=dtype, name="classifier")

        # Graph
        inputs = bert_inputs()
        mask = ops.not_equal(inputs["padding_mask"], 0)
        x = self.block(self.embedding(inputs["token_ids"]), padding_mask=mask)
        x = self.pooled_dropout(masks.masked_mean(x, mask))
        logits = self.classifier(self.dense_dropout(self.dense(x)))
        super().__init__(inputs=inputs, outputs=logits, **kwargs)

        # Config
        self.num_classes = num_classes
        self.vocabulary_size = vocabulary_size
        self.max_sequence_length = max_sequence_length
        self.num_heads = num_heads
        self.hidden_dim = hidden_dim
        self.intermediate_dim = intermediate_dim
        self.classifier_dim = classifier_dim
        self.dropout = dropout

    def attention_scores(self, inputs):
        """The attention of the block: see `BertEncoder.attention_scores`."""
        mask = ops.not_equal(inputs["padding_mask"], 0)
        x = self.embedding(inputs["token_ids"])
        return [self.block(x, padding_mask=mask, return_attention_scores=True)[1]]

    def get_config(self):
        return {
            "name": self.name,
            "trainable": self.trainable,
            "num_classes": self.num_classes,
            "vocabulary_size": self.vocabulary_size,
            "max_sequence_length": self.max_sequence_length,
            "num_heads": self.num_heads,
            "hidden_dim": self.hidden_dim,
            "intermediate_dim": self.intermediate_dim,
            "classifier_dim": self.classifier_dim,
            "dropout": self.dropout,
            "dtype": keras.dtype_policies.serialize(self.embedding.dtype_policy),
        }
