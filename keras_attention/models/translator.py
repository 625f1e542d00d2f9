"""The base class of models that generate one sequence from another."""

from keras import ops

from keras_attention import masks
from keras_attention._validation import require
from keras_attention.decoding.length_limits import same_limits, source_limits
from keras_attention.decoding.next_tokens import require_alignment
from keras_attention.json_file import is_size
from keras_attention.layers.require_shapes import require_shapes
from keras_attention.models.generative_model import GenerativeModel, require_generative_model
from keras_attention.token_ids import SpecialIds


class Translator(GenerativeModel):
    """A model that generates from a source: token ids (B, S), padded at the end.

    A subclass implements `start` and `step` of `StepContract`, and `select_rows` and `extend` where
    the defaults do not fit. It calls `set_special_ids` before it makes its graph, has the attribute
    `max_sequence_length`, and merges `special_ids_config()` into its config. That is all that a
    run and an artifact need. To be trained by `fit`, its inputs are `{"encoder_token_ids": (B, S),
    "decoder_token_ids": (B, T)}` and its output the logits (B, T, V).

    Attributes:
        max_sequence_length: the longest source, and the longest target, in tokens.
        vocabulary_size: number of target tokens V; `set_special_ids` sets it.
        source_vocabulary_size: number of source tokens; None, the default, for V.
        special_ids: a `SpecialIds` with padding, start and end. Source and target share padding.
        forbidden_ids: tuple of the token ids that are never generated: padding and start by
            default, where they are no end.
        extra_length: how many tokens more than its source a translation may have (Vaswani et al.
            2017, section 6.1).
        hidden_dim: the width that the schedule "noam" scales by; None, the default, for none.
    """

    input_axes = {"encoder_token_ids": "B S", "decoder_token_ids": "B T"}
    task_kind = "translator"  # a key of `keras_attention.tasks.TASKS`

    extra_length = 50
    source_vocabulary_size = None

    def set_special_ids(self, special_ids, forbidden_ids, vocabulary_size):
        """Sets `special_ids`, `forbidden_ids` and `vocabulary_size`.

        Args:
            special_ids: a `SpecialIds`, its dict, or None for the default ones.
            forbidden_ids: list of integers, or None for padding and start, where they are no end.
                A vocabulary may begin and end its sentences with one token, as BART's does.
            vocabulary_size: number of target tokens V.

        Raises:
            ValueError: if an id is missing or not in the vocabulary, or every end is forbidden.
        """
        special_ids = SpecialIds.of(special_ids)
        needed = (special_ids.padding, special_ids.start, special_ids.end)
        require(
            None not in needed and () not in needed,
            "special_ids",
            "`SpecialIds` with padding, start and end",
            special_ids=special_ids,
        )
        if forbidden_ids is None:
            both = dict.fromkeys((special_ids.padding, special_ids.start))
            forbidden_ids = [token_id for token_id in both if token_id not in special_ids.ends]
        super().set_special_ids(special_ids, forbidden_ids, vocabulary_size)

    def attention_scores(self, encoder_token_ids, decoder_token_ids):
        """The attention while reading a source and a target, for pictures.

        Args:
            encoder_token_ids: (B, S).
            decoder_token_ids: (B, T), beginning with `special_ids.start`.

        Returns:
            A dict from "encoder", "decoder" or "cross" to a list of scores (B, H, rows, columns),
            one a layer; empty, the default, for a model that gives none.
        """
        return {}

    def inputs_shape(self, inputs):
        require_shapes(inputs=(inputs, "B S"))
        return ops.shape(ops.convert_to_tensor(inputs))  # a list of lists has no shape on JAX

    def inputs_mask(self, inputs):
        return masks.padding_mask(inputs, self.special_ids.padding)

    def target_mask(self, decoder_token_ids):
        """Boolean (B, T), True at the tokens that a decoder reads, of `decoder_token_ids` (B, T).

        The first token is `special_ids.start`. Where that is the padding id too, as in Marian and
        T5, it is a token all the same.
        """
        mask = masks.padding_mask(decoder_token_ids, self.special_ids.padding)
        if self.special_ids.start != self.special_ids.padding:
            return mask
        return ops.concatenate([ops.ones_like(mask[:, :1]), mask[:, 1:]], axis=1)

    def first_tokens(self, inputs):
        return self.special_ids.start

    def length_limits(self, inputs, max_length=None):
        """`max_length`, or a source's own length + `extra_length`: see `StepContract`.

        Never more than `max_sequence_length`.
        """
        batch_size, source_length = self.inputs_shape(inputs)
        if max_length is not None:
            return same_limits(batch_size, max_length, self.max_sequence_length)
        lengths = ops.sum(ops.cast(self.inputs_mask(inputs), "int32"), axis=1)
        return source_limits(lengths, source_length, self.extra_length, self.max_sequence_length)


def require_alignments(option, model):
    """Raises `ValueError` unless a translator can say what it attends to.

    Args:
        option: the argument that needs it, for the message.
        model: a `Translator`, which reads one short source.
    """
    source = ops.convert_to_tensor([[model.special_ids.ends[0]]], dtype="int32")
    state, _ = model.start(source, 1, return_alignment=True)
    require_alignment(model, state, option)


def require_translator(where, model):
    """Raises `InputError`, beginning with `where`, unless a model is a whole `Translator`.

    Args:
        where: string.
        model: a Keras model.
    """
    source_size = ("a positive integer or None", lambda value: value is None or is_size(value))
    require_generative_model(
        where, model, Translator, "a translator", source_vocabulary_size=source_size
    )
