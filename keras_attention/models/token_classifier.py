"""An encoder that tells which class each token belongs to."""

import keras

from keras_attention._validation import require_positive_integer, require_rate
from keras_attention.layers.dropout import Dropout
from keras_attention.models.classifier_head import ClassifierHead


@keras.saving.register_keras_serializable(package="keras_attention")
class TokenClassifier(ClassifierHead):
    """An `Encoder`, dropout and a linear classifier of every token.

    Inputs are those of the encoder; the output is the logits (B, T, C). Padding changes nothing at
    tokens. The logits at padding mean nothing.

    Args:
        encoder: an `Encoder`, such as a `BertEncoder`.
        num_classes: number of classes C.
        classifier_dropout: rate before the classifier.
        labels: names of the classes, a list of C different strings; None where they are unknown.

    Raises:
        ValueError: if a size or rate is out of range, or `labels` are not one a class.

    Example:

    >>> model = TokenClassifier.from_preset("tiny", num_classes=9, vocabulary_size=30522)
    >>> ids = np.array([[101, 7592, 2088, 102]])
    >>> mask = np.ones_like(ids)
    >>> model({"token_ids": ids, "segment_ids": np.zeros_like(ids), "padding_mask": mask}).shape
    (1, 4, 9)

    Reference: Devlin et al. 2018, "BERT: Pre-training of Deep Bidirectional Transformers for
    Language Understanding", section 5.3, https://arxiv.org/abs/1810.04805
    """

    task_kind = "token-classifier"  # a key of `keras_attention.tasks.TASKS`

    head_config = ("num_classes", "classifier_dropout", "labels")

    def __init__(self, encoder, num_classes, classifier_dropout=0.1, labels=None, **kwargs):
        # Layers
        require_positive_integer("num_classes", num_classes)
        require_rate("classifier_dropout", classifier_dropout)
        self.keep_encoder(encoder)
        self.dropout = Dropout(classifier_dropout, dtype=self.dtype_of_head, name="dropout")
        self.classifier = keras.layers.Dense(
            num_classes,
            kernel_initializer=encoder.initializer(),
            dtype=self.dtype_of_head,
            name="classifier",
        )

        # Graph
        inputs = encoder.new_inputs()
        logits = self.classifier(self.dropout(encoder.encode(inputs)))
        super().__init__(inputs, logits, **kwargs)

        # Config
        self.num_classes = num_classes
        self.classifier_dropout = classifier_dropout
        self.labels = labels
