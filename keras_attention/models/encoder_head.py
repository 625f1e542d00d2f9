"""The base class of models that put a head on an encoder."""

import keras

from keras_attention._validation import require
from keras_attention.keras_private import call_of, tensors_before
from keras_attention.models.encoder import Encoder
from keras_attention.models.encoder_families import DEFAULT_FAMILY, encoder_from_preset
from keras_attention.models.model import Model


class EncoderHead(Model):
    """An `Encoder` and a head, in one graph; not used by itself.

    The encoder's layers are the model's own and are trained unless `model.encoder.trainable` is
    False. A pooler is among them only where the head reads it; elsewhere it is saved with the rest
    but neither trained nor counted.

    What comes out is logits, but where a subclass calls its `output_name` otherwise. A model with
    several outputs returns a dict, with the logits under "logits"; a model with one returns the
    tensor, and a loss may call it "logits" too.

    A subclass takes `encoder` first, hands it to `keep_encoder`, makes its layers and its graph,
    and calls `super().__init__(inputs, outputs)`. Its other arguments are attributes that
    `head_config` names.
    """

    head_config = ()
    output_name = "logits"
    input_axes = {**Encoder.input_axes, "mask_positions": "B P"}

    def __init__(self, inputs, outputs, **kwargs):
        policy = keras.dtype_policies.get(kwargs.get("dtype") or self.dtype_of_head)
        require(
            policy == self.dtype_of_head,
            "dtype",
            "left out: a head computes in the dtype of its encoder",
            dtype=policy.name,
            dtype_of_encoder=self.dtype_of_head.name,
        )
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)
        # Keras would name an output after its layer. Losses and metrics go by these names.
        self.output_names = sorted(outputs) if isinstance(outputs, dict) else [self.output_name]

    @classmethod
    def from_preset(cls, preset, family=DEFAULT_FAMILY, **options):
        """A model with random weights in one of the published sizes.

        Args:
            preset: name of the size: a key of the encoder's `presets`.
            family: of the encoder: a key of `ENCODER_FAMILIES`.
            **options: arguments of this class, and any others of the encoder's class.
        """
        head = {name: options.pop(name) for name in cls.head_config if name in options}
        return cls(encoder_from_preset(preset, family, **options), **head)

    def keep_encoder(self, encoder):
        """Makes `encoder` the attribute of that name.

        Raises:
            ValueError: if it is no encoder.
        """
        require_encoder(encoder)
        # Past Keras' tracking, which would make all its layers parts of this model: an optimizer
        # would find no gradient for a pooler that nothing reads. The graph has the others.
        object.__setattr__(self, "encoder", encoder)

    def with_encoder(self, encoder):
        """This head and its weights on another encoder, whose outputs have the same width.

        Args:
            encoder: an `Encoder` with as many tokens as this one's.
        """
        made = type(self)(encoder, **self.arguments_on(encoder))
        of_encoder = {id(weight) for weight in self.encoder.weights}
        inside = {id(layer) for layer in self.encoder.layers}
        for layer in self.layers:
            if id(layer) in inside:
                continue
            pairs = zip(made.get_layer(layer.name).weights, layer.weights, strict=True)
            for ours, theirs in pairs:
                if id(theirs) not in of_encoder:  # the masked-LM head shares the embedding
                    ours.assign(theirs)
        return made

    def arguments_on(self, encoder):
        """The arguments of this head on another encoder, a dict."""
        return {name: getattr(self, name) for name in self.head_config}

    def enable_lora(self, rank, lora_alpha=None, a_initializer="he_uniform", b_initializer="zeros"):
        self.encoder.enable_lora(rank, lora_alpha, a_initializer, b_initializer)

    @property
    def dtype_of_head(self):
        """The dtype policy of the encoder, which the head shares."""
        return self.encoder.embedding.dtype_policy

    def attention_scores(self, inputs):
        """The attention of every layer: see `Encoder.attention_scores`."""
        return self.encoder.attention_scores(inputs)

    def hidden_states(self):
        """What `encode` returned (B, T, D) as a symbolic tensor of this model's graph.

        None where an encoder does not end in a layer, by which it could be found.
        """
        last, _, _ = call_of(self.encoder.output["sequence_output"])
        outputs = self.output.values() if isinstance(self.output, dict) else [self.output]
        made = [tensor for output in outputs for tensor in tensors_before(output)]
        return next((tensor for tensor in made if call_of(tensor)[0] is last), None)

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


def require_encoder(encoder):
    """Raises `ValueError` unless `encoder` is one: a model with a head has one, but is none."""
    if not isinstance(encoder, Encoder):
        hint = ": its `encoder` is one" if isinstance(encoder, EncoderHead) else ""
        raise ValueError(
            "`encoder` must be an `Encoder`, such as a `BertEncoder`, or what "
            '`load_hugging_face(DIR, task="encoder")` gives. '
            f"Received: {type(encoder).__name__}{hint}"
        )


def require_pooler(encoder, argument, **received):
    """Raises `ValueError` unless `encoder` is one with the pooler that `argument` asks for."""
    require_encoder(encoder)
    require(
        encoder.has_pooler,
        argument,
        "given an encoder with a pooler",
        **received,
        has_pooler=encoder.has_pooler,
    )
