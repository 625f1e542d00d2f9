"""The classifier of a first lesson on transformers: one block, trained from nothing."""

import keras
from keras import ops

from keras_attention import masks
from keras_attention._validation import require_positive_integer, require_rate
from keras_attention.layers.dropout import Dropout
from keras_attention.models.classifier_head import ClassifierHead
from keras_attention.models.lesson_encoder import LessonEncoder
from keras_attention.problem_types import problem_type_of


@keras.saving.register_keras_serializable(package="keras_attention")
class LessonClassifier(ClassifierHead):
    """Tokens and learned positions, one transformer block, the mean over tokens, two dense layers.

    It computes what `Classifier(LessonEncoder(), num_classes, "mean", classifier_dim=20)` does.
    Inputs are those of every `Encoder`, and `segment_ids` are not read; the output is the logits
    (B, C). Padding changes nothing.

    Args:
        num_classes: number of classes C.
        vocabulary_size: number of tokens V.
        max_sequence_length: the longest input, in tokens.
        num_heads: number of heads H.
        hidden_dim: width D of the model, and of each of its heads.
        intermediate_dim: width of the feed-forward layer.
        classifier_dim: width of the layer before the classifier.
        dropout: rate in the block and before each dense layer.
        labels: names of the classes, a list of C different strings; None where they are unknown.
        problem_type: what the logits mean: see `Classifier`.

    Raises:
        ValueError: if a size or rate is out of range, or `labels` are not one a class.

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
        labels=None,
        problem_type=None,
        dtype=None,
        **kwargs,
    ):
        require_positive_integer("num_classes", num_classes)
        problem_type_of(problem_type, num_classes)
        require_positive_integer("classifier_dim", classifier_dim)
        require_rate("dropout", dropout)
        arguments = dict(
            vocabulary_size=vocabulary_size,
            max_sequence_length=max_sequence_length,
            num_heads=num_heads,
            hidden_dim=hidden_dim,
            intermediate_dim=intermediate_dim,
            dropout=dropout,
            dtype=dtype,
        )

        # Layers. The block draws its seeds when the encoder's graph is built. So the head's layers
        # are made first: a seed gives this model the same weights as it always did.
        self.embedding, self.block = layers = LessonEncoder.new_layers(**arguments)
        self.pooled_dropout = Dropout(dropout, dtype=dtype, name="pooled_dropout")
        self.dense = keras.layers.Dense(
            classifier_dim, activation="relu", dtype=dtype, name="dense"
        )
        self.dense_dropout = Dropout(dropout, dtype=dtype, name="dense_dropout")
        self.classifier = keras.layers.Dense(num_classes, dtype=dtype, name="classifier")
        encoder = LessonEncoder(**arguments, layers=layers)
        self.keep_encoder(encoder)

        # Graph
        inputs = encoder.new_inputs()
        x = masks.masked_mean(encoder.encode(inputs), ops.not_equal(inputs["padding_mask"], 0))
        x = self.dense(self.pooled_dropout(x))
        super().__init__(inputs, self.classifier(self.dense_dropout(x)), **kwargs)

        # Config
        self.num_classes = num_classes
        self.classifier_dim = classifier_dim
        self.dropout = dropout
        self.labels = labels
        self._problem_type = problem_type

    def get_config(self):
        return {
            **self.encoder.get_config(),
            "name": self.name,
            "trainable": self.trainable,
            "num_classes": self.num_classes,
            "classifier_dim": self.classifier_dim,
            "labels": self.labels,
            "problem_type": self.problem_type,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**config)
