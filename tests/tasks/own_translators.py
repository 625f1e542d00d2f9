"""A user's own translators, in a file of their own: `--custom` takes it."""

import keras
from keras import ops

from keras_attention.models import TransformerTranslator, Translator


class TurnedTranslator(TransformerTranslator):
    """A transformer with another `encode`, and the weights of the stock one."""

    def encode(self, source_ids):
        encoded, mask = super().encode(source_ids)
        return -encoded[:, ::-1], mask[:, ::-1]


class OwnTranslator(Translator):
    """The mean of the source's words, from which a GRU reads the target.

    It has what the docstring of `Translator` asks for, and nothing else.
    """

    def __init__(
        self,
        vocabulary_size,
        units=16,
        max_sequence_length=48,
        special_ids=None,
        forbidden_ids=None,
        **kwargs,
    ):
        self.set_special_ids(special_ids, forbidden_ids, vocabulary_size)
        self.embedding = keras.layers.Embedding(vocabulary_size, units)
        self.gru = keras.layers.GRU(units, return_sequences=True)
        self.head = keras.layers.Dense(vocabulary_size)
        inputs = {
            name: keras.Input((None,), dtype="int32", name=name)
            for name in ("encoder_token_ids", "decoder_token_ids")
        }
        x = self.embedding(inputs["decoder_token_ids"])
        x = self.gru(x, initial_state=self.read(inputs["encoder_token_ids"]))
        super().__init__(inputs, self.head(x), **kwargs)
        self.units = units
        self.max_sequence_length = max_sequence_length

    def read(self, source_ids):
        """The mean (B, D) of the tokens in `source_ids`."""
        mask = ops.expand_dims(ops.cast(self.inputs_mask(source_ids), "float32"), -1)
        total = ops.sum(self.embedding(source_ids) * mask, axis=1)
        return total / ops.maximum(ops.sum(mask, axis=1), 1)

    def start(self, inputs, room, return_alignment=False, beam_size=1):
        return {"hidden": ops.repeat(self.read(inputs), beam_size, axis=0)}, {}

    def step(self, token, position, state, constants):
        x, [hidden] = self.gru.cell(self.embedding(token), [state["hidden"]])
        return self.head(x), {"hidden": hidden}

    def get_config(self):
        return {
            "name": self.name,
            "vocabulary_size": self.vocabulary_size,
            "units": self.units,
            "max_sequence_length": self.max_sequence_length,
            **self.special_ids_config(),
        }


OWN = {"TurnedTranslator": TurnedTranslator, "OwnTranslator": OwnTranslator}
