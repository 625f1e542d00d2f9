"""An encoder that tells which class a text, or a pair of texts, belongs to."""

import keras
from keras import ops

from keras_attention import activations, masks
from keras_attention._validation import require, require_positive_integer, require_rate
from keras_attention.layers.dropout import Dropout
from keras_attention.models.classifier_head import ClassifierHead
from keras_attention.models.encoder_head import require_pooler
from keras_attention.problem_types import problem_type_of

POOLINGS = ("pooled", "mean", "cls")


@keras.saving.register_keras_serializable(package="keras_attention")
class Classifier(ClassifierHead):
    """An `Encoder`, dropout and a linear classifier.

    Inputs are those of the encoder. A pair of texts is one input of two segments. The output is
    the logits (B, C). Padding changes nothing.

    Args:
        encoder: an `Encoder`, such as a `BertEncoder`.
        num_classes: number of classes C.
        pooling: what is classified: "pooled" is the encoder's pooled output, "mean" the mean of
            its output over all tokens, which suits encoders trained for sentence embeddings, "cls"
            its output at the first token, [CLS]. `encoder.classifier_options()` has that of the
            family's published classifiers.
        classifier_dim: width of a layer before the classifier; None for none.
        classifier_dropout: rate before the classifier.
        pooled_dropout: rate before the layer of width `classifier_dim`; `classifier_dropout` by
            default.
        classifier_activation: of the layer of width `classifier_dim`: what
            `keras_attention.activations.get` takes; None for ReLU.
        labels: names of the classes, a list of C different strings; None where they are unknown.
        problem_type: what the logits mean: "single_label_classification", by a softmax;
            "multi_label_classification", by a sigmoid each; "regression", the numbers themselves.
            None is the first, and the second for one class.

    Raises:
        ValueError: if a size or rate is out of range, `pooling` or `problem_type` is unknown, the
            encoder lacks the pooler that it needs, or `labels` are not one a class.

    Example:

    >>> model = Classifier.from_preset("tiny", num_classes=3, vocabulary_size=30522)
    >>> ids = np.array([[101, 7592, 102, 2088, 102]])
    >>> segments, mask = np.array([[0, 0, 0, 1, 1]]), np.ones_like(ids)
    >>> model({"token_ids": ids, "segment_ids": segments, "padding_mask": mask}).shape
    (1, 3)

    Reference: Devlin et al. 2018, "BERT: Pre-training of Deep Bidirectional Transformers for
    Language Understanding", section 4.1, https://arxiv.org/abs/1810.04805
    """

    head_config = (
        "num_classes",
        "pooling",
        "classifier_dim",
        "classifier_dropout",
        "pooled_dropout",
        "classifier_activation",
        "labels",
        "problem_type",
    )

    def __init__(
        self,
        encoder,
        num_classes,
        pooling="pooled",
        classifier_dim=None,
        classifier_dropout=0.1,
        labels=None,
        problem_type=None,
        pooled_dropout=None,
        classifier_activation=None,
        **kwargs,
    ):
        # Layers
        require_positive_integer("num_classes", num_classes)
        problem_type_of(problem_type, num_classes)
        require(pooling in POOLINGS, "pooling", f"one of {POOLINGS}", pooling=pooling)
        if pooling == "pooled":
            require_pooler(encoder, "pooling", pooling=pooling)
        if classifier_dim is not None:
            require_positive_integer("classifier_dim", classifier_dim)
        require_rate("classifier_dropout", classifier_dropout)
        first_dropout = classifier_dropout
        if pooled_dropout is not None:
            require(
                classifier_dim is not None,
                "pooled_dropout",
                "None where there is no `classifier_dim`: `classifier_dropout` is the rate",
                pooled_dropout=pooled_dropout,
            )
            require_rate("pooled_dropout", pooled_dropout)
            first_dropout = pooled_dropout
        self.keep_encoder(encoder)

        def dense(units, name, activation=None):
            return keras.layers.Dense(
                units,
                activation=activation,
                kernel_initializer=encoder.initializer(),
                dtype=self.dtype_of_head,
                name=name,
            )

        def dropout(rate, name):
            return Dropout(rate, dtype=self.dtype_of_head, name=name)

        self.dropout = dropout(first_dropout, "dropout")
        self.dense, self.dense_dropout = None, None
        if classifier_dim is not None:
            activation = activations.get(classifier_activation or "relu")
            self.dense = dense(classifier_dim, "dense", activation)
            self.dense_dropout = dropout(classifier_dropout, "dense_dropout")
        self.classifier = dense(num_classes, "classifier")

        # Graph
        inputs = encoder.new_inputs()
        x = encoder.encode(inputs)
        if pooling == "pooled":
            x = encoder.pool(x)
        elif pooling == "cls":
            x = masks.first_token(x)
        else:
            x = masks.masked_mean(x, ops.not_equal(inputs["padding_mask"], 0))
        x = self.dropout(x)
        if classifier_dim is not None:
            x = self.dense_dropout(self.dense(x))
        super().__init__(inputs, self.classifier(x), **kwargs)

        # Config
        self.num_classes = num_classes
        self.pooling = pooling
        self.classifier_dim = classifier_dim
        self.classifier_dropout = classifier_dropout
        self.pooled_dropout = pooled_dropout
        # None stays None: configs of before this argument lack it.
        self.classifier_activation = classifier_activation and activations.serialize(
            activations.get(classifier_activation)
        )
        self.labels = labels
        self._problem_type = problem_type
