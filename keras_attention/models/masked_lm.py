"""An encoder that predicts masked tokens (Devlin et al. 2018, section 3.1)."""

import keras

from keras_attention.graph.checked_ids import narrowed
from keras_attention.keras_private import call_of
from keras_attention.layers.masked_lm_head import MaskedLMHead
from keras_attention.models.encoder_head import EncoderHead, require_pooler


@keras.saving.register_keras_serializable(package="keras_attention")
class MaskedLM(EncoderHead):
    """An `Encoder` that predicts tokens and, on request, if a text follows another.

    Inputs are those of the encoder and, where only some positions are to be predicted,
    `"mask_positions"` (B, P). The output is the logits (B, P, V), or (B, T, V) without
    `"mask_positions"`. With `next_sentence` it is `{"logits": (B, P, V) or (B, T, V),
    "next_sentence": (B, 2)}`, and losses go by these names. The output projection is the matrix of
    the token embeddings.

    Slots of `mask_positions` that a row has no use for count for nothing if their `sample_weight`
    is 0 and the loss has the reduction "mean_with_sample_weight".

    What `keras.models.clone_model` and `model.export` of Keras make of this model is a plain graph,
    in which no input is optional: it needs `"mask_positions"`. The clone's weights have the order
    of the graph. `MaskedLM.from_config(model.get_config())` is the same class with new weights in
    the same order, and `keras_attention.export` needs no positions.

    Args:
        encoder: an `Encoder`, such as a `BertEncoder`.
        next_sentence: whether there is the head for next sentences, which reads the pooled output.

    Raises:
        ValueError: if `next_sentence` is asked for and the encoder has no pooler.

    Example:

    >>> model = MaskedLM.from_preset("tiny", vocabulary_size=30522)
    >>> ids = np.array([[101, 103, 2088, 102]])
    >>> mask = np.ones_like(ids)
    >>> inputs = {"token_ids": ids, "segment_ids": np.zeros_like(ids), "padding_mask": mask}
    >>> model(inputs).shape, model({**inputs, "mask_positions": np.array([[1]])}).shape
    ((1, 4, 30522), (1, 1, 30522))

    Reference: Devlin et al. 2018, "BERT: Pre-training of Deep Bidirectional Transformers for
    Language Understanding", https://arxiv.org/abs/1810.04805
    """

    task_kind = "masked-lm"  # a key of `keras_attention.tasks.TASKS`

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
            kernel_initializer=encoder.initializer(),
            dtype=self.dtype_of_head,
            name="masked_lm",
        )
        self.next_sentence_classifier = None
        if next_sentence:
            self.next_sentence_classifier = keras.layers.Dense(
                2,
                kernel_initializer=encoder.initializer(),
                dtype=self.dtype_of_head,
                name="next_sentence",
            )

        # Graph
        inputs = encoder.new_inputs()
        inputs["mask_positions"] = keras.Input(
            (None,), dtype="int32", name="mask_positions", optional=True
        )
        sequence = encoder.encode(inputs)
        outputs = self.masked_lm(sequence, inputs["mask_positions"])
        if next_sentence:
            follows = self.next_sentence_classifier(encoder.pool(sequence))
            outputs = {"logits": outputs, "next_sentence": follows}
        super().__init__(inputs, outputs, **kwargs)

        # Config
        self.next_sentence = next_sentence

    def before_projection(self):
        if self.next_sentence:
            return None
        _, (sequence, *_), _ = call_of(self.output)

        def finish(sequence, inputs):
            positions = inputs.get("mask_positions")
            positions = None if positions is None else narrowed(positions)
            rows = self.masked_lm.before_projection(sequence, positions)
            return rows, self.masked_lm.projection()

        return None if self.masked_lm.projection() is None else (sequence, finish)

    def hidden_states(self):
        return super().hidden_states()  # of this class too, whose `call` is the graph's

    # Keras takes None for an optional input, but no dict that lacks it.

    def __call__(self, inputs, *args, **kwargs):
        self._require_dict(inputs)
        return super().__call__(with_positions(inputs), *args, **kwargs)

    def call(self, inputs, training=None, mask=None):
        # On JAX the training step comes here without `__call__`.
        return super().call(with_positions(inputs), training=training, mask=mask)

    def compute_output_spec(self, inputs, training=None, mask=None):
        inputs = with_positions(inputs)
        # All of them: as many as there are tokens.
        if isinstance(inputs, dict) and inputs["mask_positions"] is None:
            inputs = {**inputs, "mask_positions": inputs["token_ids"]}
        return super().compute_output_spec(inputs, training=training, mask=mask)


def with_positions(inputs):
    """A `MaskedLM`'s dict of inputs with `"mask_positions"`, None where there are none."""
    if not isinstance(inputs, dict):  # which the model refuses
        return inputs
    return {**inputs, "mask_positions": inputs.get("mask_positions")}
