"""The base class of models that go on with a text: decoders without a source."""

import keras
from keras import ops

from keras_attention import masks
from keras_attention.decoding.length_limits import context_limits
from keras_attention.layers.require_shapes import require_shapes
from keras_attention.models.generative_model import GenerativeModel, require_generative_model
from keras_attention.token_ids import SpecialIds

NO_SPECIAL_IDS = SpecialIds(padding=None, unknown=None, start=None, end=None)


class LanguageModel(GenerativeModel):
    """A model of the token that comes next: token ids (B, T) -> logits (B, T, V).

    A subclass implements `start` and `step` of `StepContract`, and `select_rows` and `extend` where
    the defaults do not fit; `BlockLanguageModel` does so for a stack of decoder blocks. It calls
    `set_special_ids` before it makes its graph, has the attribute `max_sequence_length`, and merges
    `special_ids_config()` into its config. That is all that a run and an artifact need.

    To be trained by `fit`, its inputs are `{"token_ids": (B, T), "segment_ids": (B, T)}`, integers.
    Where a row holds several documents, one after the other, `segment_ids` number them: a token
    sees those of its own document alone, and positions are counted anew in each. So a document
    gives what it gives alone. `segment_ids` may be left out, or None: each row is one document.
    A token sees only those before it, so what fills a row at its end changes nothing.

    It generates from prompts: `{"token_ids": (B, S), "lengths": (B,)}`, each row filled to S with
    any ids. No id is reserved for padding. With `"max_new_tokens": (B,)` each row has its limit.

    Attributes:
        max_sequence_length: the context: the longest text in tokens, prompt and all.
        vocabulary_size: number of tokens V; `set_special_ids` sets it.
        special_ids: a `SpecialIds`. None of its ids is needed; without an end, only limits end a
            text.
        forbidden_ids: tuple of the token ids that are never generated.
        hidden_dim: the width that the schedule "noam" scales by; None, the default, for none.
    """

    input_axes = {"token_ids": "B T", "segment_ids": "B T"}
    optional_inputs = ("segment_ids",)
    task_kind = "language-model"  # a key of `keras_attention.tasks.TASKS`

    def set_special_ids(self, special_ids, forbidden_ids, vocabulary_size):
        """Sets `special_ids`, `forbidden_ids` and `vocabulary_size`.

        Args:
            special_ids: a `SpecialIds`, its dict, or None for no special ids at all.
            forbidden_ids: list of integers, or None for none.
            vocabulary_size: number of tokens V.

        Raises:
            ValueError: if an id is not in the vocabulary, or every end is forbidden.
        """
        special_ids = NO_SPECIAL_IDS if special_ids is None else SpecialIds.of(special_ids)
        forbidden_ids = () if forbidden_ids is None else forbidden_ids
        super().set_special_ids(special_ids, forbidden_ids, vocabulary_size)

    def new_inputs(self):
        """The symbolic inputs of a graph, by name."""
        return {
            "token_ids": keras.Input((None,), dtype="int32", name="token_ids"),
            "segment_ids": keras.Input((None,), dtype="int32", name="segment_ids", optional=True),
        }

    def attention_scores(self, inputs):
        """The attention while reading, for pictures.

        Args:
            inputs: as the model is called with.

        Returns:
            A list of scores (B, H, T, T), one a layer; row t led to the logits of token t + 1.
            Empty, the default, for a model that gives none.
        """
        return []

    def attention_windows(self):
        """How many tokens each layer of `attention_scores` sees, its own included; None for all."""
        return []

    # Generation: see `StepContract`.

    def inputs_shape(self, inputs):
        require_shapes(token_ids=(inputs["token_ids"], "B S"), lengths=(inputs["lengths"], "B"))
        return ops.shape(ops.convert_to_tensor(inputs["token_ids"]))

    def inputs_mask(self, inputs):
        return masks.length_mask(inputs["lengths"], self.inputs_shape(inputs)[1])

    def prompt_tokens(self, inputs):
        """The prompts (B, S) int32, and which of their ids are tokens, boolean (B, S)."""
        return ops.cast(inputs["token_ids"], "int32"), self.inputs_mask(inputs)

    def first_tokens(self, inputs):
        """The last token (B,) of each prompt."""
        last = ops.expand_dims(ops.cast(inputs["lengths"], "int32") - 1, 1)
        token_ids = ops.cast(inputs["token_ids"], "int32")
        return ops.squeeze(ops.take_along_axis(token_ids, last, axis=1), 1)

    def length_limits(self, inputs, max_length=None):
        """What the context leaves, at most `max_length`, and at most a row's "max_new_tokens".

        With "max_new_tokens" the largest limit is known only when the graph runs.
        """
        limits, longest = context_limits(inputs["lengths"], max_length, self.max_sequence_length)
        given = inputs.get("max_new_tokens")
        if given is None:
            return limits, longest
        limits = ops.maximum(ops.minimum(limits, ops.cast(given, "int32")), 1)
        return limits, ops.max(limits, initial=1)


def require_language_model(where, model):
    """Raises `InputError`, beginning with `where`, unless a model is a whole `LanguageModel`.

    Args:
        where: string.
        model: a Keras model.
    """
    require_generative_model(where, model, LanguageModel, "a language model")
