"""BERT as it is pretrained (Devlin et al. 2018, section 3.1)."""

import keras

from keras_attention.layers.masked_lm_head import MaskedLMHead
from keras_attention.models.bert_encoder import BertEncoder, bert_initializer, bert_inputs
from keras_attention.models.bert_task import BertTask, require_pooler


@keras.saving.register_keras_serializable(package="keras_attention")
class BertMaskedLM(BertTask):
    """A `BertEncoder` that predicts masked tokens and, on request, if a text follows another.

    Inputs are those of `BertEncoder` and `"mask_positions"` (B, P), the positions to predict. The
    output is the logits (B, P, V); with `next_sentence` it is `{"masked_lm": (B, P, V),
    "next_sentence": (B, 2)}`. The output projection is the matrix of the token embeddings.

    Slots of `mask_positions` that a row has no use for count for nothing if their `sample_weight`
    is 0 and the loss has the reduction "mean_with_sample_weight".

    Args:
        encoder: a `BertEncoder`.
        next_sentence: whether there is the head for next sentences, which reads the pooled output.

    Raises:
        ValueError: if `next_sentence` is asked for and the encoder has no pooler.

    Example:

    >>> model = BertMaskedLM.from_preset("tiny", vocabulary_size=30522)
    >>> ids = np.array([[101, 103, 2088, 102]])
    >>> mask = np.ones_like(ids)
    >>> inputs = {"token_ids": ids, "segment_ids": np.zeros_like(ids), "padding_mask": mask}
    >>> model({**inputs, "mask_positions": np.array([[1]])}).shape
    (1, 1, 30522)

    Reference: Devlin et al. 2018, "BERT: Pre-training of Deep Bidirectional Transformers for
    Language Understanding", https://arxiv.org/abs/1810.04805
    """

    head_config = ("next_sentence",)

    def __init__(self, encoder, next_sentence=False, **kwargs):
        # Layers
        if next_sentence:
            require_pooler(encoder, "next_sentence", next_sentence=next_sentence)
        self.keep_encoder(encoder)
        self.masked_lm = MaskedLMHead(
            encoder.embedding,
            activation=encoder.activation,
            layer_norm_epsilon=encoder.layer_norm_epsilon,
            kernel_initializer=bert_initializer(),
            dtype=self.dtype_of_head,
            name="masked_lm",
        )
        self.next_sentence_classifier = None
        if next_sentence:
            self.next_sentence_classifier = keras.layers.Dense(
                2,
                kernel_initializer=bert_initializer(),
                dtype=self.dtype_of_head,
                name="next_sentence",
            )

        # Graph
        inputs = bert_inputs()
        mask_positions = keras.Input((None,), dtype="int32", name="mask_positions")
        sequence = encoder.encode(inputs)
        outputs = self.masked_lm(sequence, mask_positions)
        if next_sentence:
            outputs = {
                "masked_lm": outputs,
                "next_sentence": self.next_sentence_classifier(encoder.pool(sequence)),
            }
        super().__init__(
            inputs={**inputs, "mask_positions": mask_positions}, outputs=outputs, **kwargs
        )

        # Config
        self.next_sentence = next_sentence

    @classmethod
    def from_preset(cls, preset, next_sentence=False, **overrides):
        """A model with random weights in one of the published sizes.

        Args:
            preset: as for `BertEncoder.from_preset`.
            next_sentence: as for this class.
            **overrides: arguments of `BertEncoder`.
        """
        return cls(BertEncoder.from_preset(preset, **overrides), next_sentence=next_sentence)
