"""The base class of models that read what a `BertEncoder` gives."""

import keras

from keras_attention._validation import require
from keras_attention.models.model import Model


class BertTask(Model):
    """A `BertEncoder` and a head, in one graph; not used by itself.

    The encoder's layers are the model's own, trained unless `model.encoder.trainable` is False. Its
    pooler is among them only where the head reads it; elsewhere it is saved with the rest but
    neither trained nor counted.

    A subclass takes `encoder` first and hands it to `keep_encoder`; its other arguments are
    attributes that `head_config` names.
    """

    head_config = ()

    def keep_encoder(self, encoder):
        """Makes `encoder` the attribute of that name."""
        # Past Keras' tracking, which would make all its layers parts of this model: an optimizer
        # would find no gradient for a pooler that nothing reads. The graph has the others.
        object.__setattr__(self, "encoder", encoder)

    @property
    def dtype_of_head(self):
        """The dtype policy of the encoder, which the head shares."""
        return self.encoder.embedding.dtype_policy

    def attention_scores(self, inputs):
        """The attention of every layer: see `BertEncoder.attention_scores`."""
        return self.encoder.attention_scores(inputs)

    def get_config(self):
        return {
            "name": self.name,
            "trainable": self.trainable,
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            **{name: getattr(self, name) for name in self.head_config},
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        encoder = keras.saving.deserialize_keras_object(
            config["encoder"], custom_objects=custom_objects
        )
        return cls(**{**config, "encoder": encoder})


def require_pooler(encoder, argument, **received):
    """Raises `ValueError` unless `encoder` has the pooler that `argument` asks for."""
    require(
        encoder.has_pooler,
        argument,
        "given an encoder with a pooler",
        **received,
        has_pooler=encoder.has_pooler,
    )
