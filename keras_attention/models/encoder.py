"""The base class of encoders of text: what a head, a checkpoint and a training ask of one."""

import keras

from keras_attention._validation import require
from keras_attention.models.model import Model

INPUTS = ("token_ids", "segment_ids", "padding_mask")


class Encoder(Model):
    """A functional model from token ids to one vector a token; not used by itself.

    A new family derives from this class, in one file, and gets every head (`Classifier`,
    `MaskedLM`, `TokenClassifier`, your own `EncoderHead`). Its `__init__` makes the layers, then
    the graph, then keeps every argument as an attribute:

    >>> class MyEncoder(Encoder):
    ...     presets = {"tiny": dict(hidden_dim=128)}
    ...
    ...     def __init__(self, vocabulary_size, hidden_dim, dtype=None, **kwargs):
    ...         self.embedding = TokenAndPositionEmbedding(
    ...             vocabulary_size, 512, hidden_dim, dtype=dtype, name="embedding"
    ...         )
    ...         inputs = self.new_inputs()
    ...         outputs = {"sequence_output": self.encode(inputs)}
    ...         super().__init__(inputs=inputs, outputs=outputs, **kwargs)
    ...         self.vocabulary_size = vocabulary_size
    ...         self.hidden_dim = hidden_dim
    ...
    ...     def encode(self, inputs):
    ...         return self.embedding(inputs["token_ids"])

    Inputs are `{"token_ids": (B, T), "segment_ids": (B, T), "padding_mask": (B, T)}`, integers. The
    mask is 1 at tokens and 0 at padding, and padding changes nothing. A family without segments
    takes the same dict and leaves them unread. The output is `{"sequence_output": (B, T, D)}`, with
    a pooler also `"pooled_output"` (B, D).

    A family provides these methods: `encode`, `initializer`, `layer_names`, `attention_scores` and
    `get_config`; with a pooler also `pool`.

    And these attributes:

    Attributes:
        vocabulary_size: number of tokens V.
        hidden_dim: width D of what `encode` returns.
        max_sequence_length: the longest input T, in tokens.
        num_segments: number of segments; 1 where `segment_ids` are not read.
        has_pooler: whether there is `pool`.
        activation: function of the feed-forward layers; the masked-LM head has the same.
        layer_norm_epsilon: epsilon of the norms; the masked-LM head has the same.
        embedding: the `TokenAndPositionEmbedding`. Its matrix is the output projection of the
            masked-LM head, and its dtype policy is that of every head.
        presets: class attribute, a dict from a name to constructor arguments.
    """

    task_kind = "encoder"  # a key of `keras_attention.tasks.TASKS`

    input_axes = dict.fromkeys(INPUTS, "B T")
    presets = {}
    has_pooler = False
    num_segments = 1

    @classmethod
    def from_preset(cls, preset, **overrides):
        """A model with random weights in one of the sizes that `presets` names.

        Args:
            preset: name of the size.
            **overrides: arguments of this class.

        Raises:
            ValueError: if there is no such preset.
        """
        require(preset in cls.presets, "preset", f"one of {tuple(cls.presets)}", preset=preset)
        return cls(**{**cls.presets[preset], **overrides})

    def new_inputs(self):
        """New symbolic inputs: a dict of (B, T)."""
        return {name: keras.Input((None,), dtype="int32", name=name) for name in INPUTS}

    def encode(self, inputs):
        """The last block's output.

        Args:
            inputs: dict of (B, T), symbolic or not.

        Returns:
            (B, T, D).
        """
        raise NotImplementedError

    def pool(self, sequence):
        """One vector for each text: (B, T, D), from `encode`, to (B, D)."""
        raise NotImplementedError

    def initializer(self):
        """A new initializer for the matrices of a head, the family's own."""
        raise NotImplementedError

    def layer_names(self):
        """The names of the layers from the bottom up, those of one level in a list.

        For `keras_attention.training.layer_rate_scales`.
        """
        raise NotImplementedError

    def attention_scores(self, inputs):
        """The attention of every layer while reading.

        Args:
            inputs: those of the model.

        Returns:
            A list of (B, H, T, T), one entry a layer: row t is where token t looks.
        """
        raise NotImplementedError


def encoder_of(model):
    """The encoder of a model with a head, or the model where it is an encoder itself."""
    return model if isinstance(model, Encoder) else model.encoder
