"""BERT that tells which class a text, or a pair of texts, belongs to."""

import keras
from keras import ops

from keras_attention import masks
from keras_attention._validation import require, require_positive_integer, require_rate
from keras_attention.layers.dropout import Dropout
from keras_attention.models.bert_encoder import BertEncoder, bert_initializer, bert_inputs
from keras_attention.models.bert_task import BertTask, require_pooler

POOLINGS = ("pooled", "mean")


@keras.saving.register_keras_serializable(package="keras_attention")
class BertClassifier(BertTask):
    """A `BertEncoder`, dropout and a linear classifier.

    Inputs are those of `BertEncoder`, a pair of texts being one input of two segments; the output
    is the logits (B, C). Padding changes nothing.

    Args:
        encoder: a `BertEncoder`.
        num_classes: C.
        pooling: what is classified: "pooled" is the encoder's pooled output, "mean" the mean of
            its output over all tokens, which suits encoders trained for sentence embeddings.
        classifier_dim: width of a layer with ReLU before the classifier; None for none.
        classifier_dropout: rate before each of the two.

    Raises:
        ValueError: if a size or rate is out of range, `pooling` is unknown or the encoder lacks the
            pooler that it needs.

    Example:

    >>> model = BertClassifier.from_preset("tiny", num_classes=3, vocabulary_size=30522)
    >>> ids = np.array([[101, 7592, 102, 2088, 102]])
    >>> segments, mask = np.array([[0, 0, 0, 1, 1]]), np.ones_like(ids)
    >>> model({"token_ids": ids, "segment_ids": segments, "padding_mask": mask}).shape
    (1, 3)

    Reference: Devlin et al. 2018, "BERT: Pre-training of Deep Bidirectional Transformers for
    Language Understanding", section 4.1, https://arxiv.org/abs/1810.04805
    """

    head_config = ("num_classes", "pooling", "classifier_dim", "classifier_dropout")

    def __init__(
        self,
        encoder,
        num_classes,
        pooling="pooled",
        classifier_dim=None,
        classifier_dropout=0.1,
        **kwargs,
    ):
        # Layers
        require_positive_integer("num_classes", num_classes)
        require(pooling in POOLINGS, "pooling", f"one of {POOLINGS}", pooling=pooling)
        if pooling == "pooled":
            require_pooler(encoder, "pooling", pooling=pooling)
        if classifier_dim is not None:
            require_positive_integer("classifier_dim", classifier_dim)
        require_rate("classifier_dropout", classifier_dropout)
        self.keep_encoder(encoder)

        def dense(units, name, activation=None):
            return keras.layers.Dense(
                units,
                activation=activation,
                kernel_initializer=bert_initializer(),
                dtype=self.dtype_of_head,
                name=name,
            )

        def dropout(name):
            return Dropout(classifier_dropout, dtype=self.dtype_of_head, name=name)

        self.dropout = dropout("dropout")
        self.dense, self.dense_dropout = None, None
        if classifier_dim is not None:
            self.dense = dense(classifier_dim, "dense", "relu")
            self.dense_dropout = dropout("dense_dropout")
        self.classifier = dense(num_classes, "classifier")

        # Graph
        inputs = bert_inputs()
        x = encoder.encode(inputs)
        if pooling == "pooled":
            x = encoder.pool(x)
        else:
            x = masks.masked_mean(x, ops.not_equal(inputs["padding_mask"], 0))
        x = self.dropout(x)
        if classifier_dim is not None:
            x = self.dense_dropout(self.dense(x))
        super().__init__(inputs=inputs, outputs=self.classifier(x), **kwargs)

        # Config
        self.num_classes = num_classes
        self.pooling = pooling
        self.classifier_dim = classifier_dim
        self.classifier_dropout = classifier_dropout

    @classmethod
    def from_preset(
        cls,
        preset,
        num_classes,
        pooling="pooled",
        classifier_dim=None,
        classifier_dropout=0.1,
        **overrides,
    ):
        """A model with random weights in one of the published sizes.

        Args:
            preset: as for `BertEncoder.from_preset`.
            num_classes, pooling, classifier_dim, classifier_dropout: as for this class.
            **overrides: arguments of `BertEncoder`.
        """
        encoder = BertEncoder.from_preset(preset, **overrides)
        return cls(encoder, num_classes, pooling, classifier_dim, classifier_dropout)
