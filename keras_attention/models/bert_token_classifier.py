"""BERT that tells which class each token belongs to."""

import keras

from keras_attention._validation import require_positive_integer, require_rate
from keras_attention.layers.dropout import Dropout
from keras_attention.models.bert_encoder import BertEncoder, bert_initializer, bert_inputs
from keras_attention.models.bert_task import BertTask


@keras.saving.register_keras_serializable(package="keras_attention")
class BertTokenClassifier(BertTask):
    """A `BertEncoder`, dropout and a linear classifier of every token.

    Inputs are those of `BertEncoder`; the output is the logits (B, T, C). Padding changes nothing
    at tokens; what is said of padding itself means nothing.

    Args:
        encoder: a `BertEncoder`.
        num_classes: C.
        classifier_dropout: rate before the classifier.

    Raises:
        ValueError: if a size or rate is out of range.

    Example:

    >>> model = BertTokenClassifier.from_preset("tiny", num_classes=9, vocabulary_size=30522)
    >>> ids = np.array([[101, 7592, 2088, 102]])
    >>> mask = np.ones_like(ids)
    >>> model({"token_ids": ids, "segment_ids": np.zeros_like(ids), "padding_mask": mask}).shape
    (1, 4, 9)

    Reference: Devlin et al. 2018, "BERT: Pre-training of Deep Bidirectional Transformers for
    Language Understanding", section 5.3, https://arxiv.org/abs/1810.04805
    """

    head_config = ("num_classes", "classifier_dropout")

    def __init__(self, encoder, num_classes, classifier_dropout=0.1, **kwargs):
        # Layers
        require_positive_integer("num_classes", num_classes)
        require_rate("classifier_dropout", classifier_dropout)
        self.keep_encoder(encoder)
        self.dropout = Dropout(classifier_dropout, dtype=self.dtype_of_head, name="dropout")
        self.classifier = keras.layers.Dense(
            num_classes,
            kernel_initializer=bert_initializer(),
            dtype=self.dtype_of_head,
            name="classifier",
        )

        # Graph
        inputs = bert_inputs()
        logits = self.classifier(self.dropout(encoder.encode(inputs)))
        super().__init__(inputs=inputs, outputs=logits, **kwargs)

        # Config
        self.num_classes = num_classes
        self.classifier_dropout = classifier_dropout

    @classmethod
    def from_preset(cls, preset, num_classes, classifier_dropout=0.1, **overrides):
        """A model with random weights in one of the published sizes.

        Args:
            preset: as for `BertEncoder.from_preset`.
            num_classes, classifier_dropout: as for this class.
            **overrides: arguments of `BertEncoder`.
        """
        encoder = BertEncoder.from_preset(preset, **overrides)
        return cls(encoder, num_classes, classifier_dropout)
