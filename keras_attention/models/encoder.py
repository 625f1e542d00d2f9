"""The base class of encoders of text: what a head, a checkpoint and a training ask of one."""

import inspect

import keras

from keras_attention._validation import require
from keras_attention.models.model import Model

_OF_MODELS = ("name", "trainable")  # arguments of every Keras model
INPUTS = ("token_ids", "segment_ids", "padding_mask")


class Encoder(Model):
    """A functional model from token ids to one vector a token; not used by itself.

    A new family derives from this class, in one file, and gets every head (`Classifier`,
    `MaskedLM`, `TokenClassifier`, your own `EncoderHead`). Its `__init__` makes the layers, then
    the graph, then keeps every argument as an attribute:

    >>> class MyEncoder(Encoder):
    ...     presets = {"tiny": dict(hidden_dim=128)}
    ...
    ...     def __init__(
    ...         self,
    ...         vocabulary_size,
    ...         hidden_dim,
    ...         max_sequence_length=512,
    ...         dropout=0.1,
    ...         dtype=None,
    ...         **kwargs,
    ...     ):
    ...         self.embedding = TokenAndPositionEmbedding(
    ...             vocabulary_size, max_sequence_length, hidden_dim, dtype=dtype, name="embedding"
    ...         )
    ...         self.embedding_dropout = Dropout(dropout, dtype=dtype, name="embedding_dropout")
    ...         inputs = self.new_inputs()
    ...         outputs = {"sequence_output": self.encode(inputs)}
    ...         super().__init__(inputs=inputs, outputs=outputs, **kwargs)
    ...         self.vocabulary_size = vocabulary_size
    ...         self.hidden_dim = hidden_dim
    ...         self.max_sequence_length = max_sequence_length
    ...         self.dropout = dropout
    ...
    ...     def encode(self, inputs):
    ...         return self.embedding_dropout(self.embedding(inputs["token_ids"]))

    Its arguments have the names that trainings use:

    - `vocabulary_size` and `max_sequence_length`, which every training from a preset gives;
    - `dropout`, the rate everywhere, and `attention_dropout`, that of the attention weights, where
      None is the same rate. A training that is asked for a rate gives `dropout`, and then None for
      `attention_dropout` where the class has it. A class without these is trained with its own
      rates, and another one is refused;
    - `dtype`.

    `get_config` returns all arguments: a training finds there that what it asked for is so.

    Inputs are `{"token_ids": (B, T), "segment_ids": (B, T), "padding_mask": (B, T)}`, integers. The
    mask is 1 at tokens and 0 at padding, and padding changes nothing. A family without segments
    takes the same dict and leaves them unread. The output is `{"sequence_output": (B, T, D)}`, with
    a pooler also `"pooled_output"` (B, D).

    A family provides these methods: `encode`, `initializer`, `layer_names`, `attention_scores` and
    `get_config`; with a pooler also `pool`. It may override `classifier_options`.

    And these attributes:

    Attributes:
        vocabulary_size: number of tokens V.
        hidden_dim: width D of what `encode` returns.
        max_sequence_length: the longest input T, in tokens.
        num_segments: number of segments; 1 where `segment_ids` are not read.
        has_pooler: whether there is `pool`.
        takes_pairs: whether it reads a pair of texts: True with two segments or more, and where a
            family's checkpoints read pairs without segments.
        activation: function of the feed-forward layers; the masked-LM head has the same.
        layer_norm_epsilon: epsilon of the norms; the masked-LM head has the same.
        embedding: the `TokenAndPositionEmbedding`. Its matrix is the output projection of the
            masked-LM head, and its dtype policy is that of every head.
        presets: class attribute, a dict from a name to constructor arguments.
        tokenizer_class: class attribute, the tokenizer that a training from random weights makes: a
            key of `keras_attention.text.tokenizers.ENCODER_TOKENIZERS`.
    """

    task_kind = "encoder"  # a key of `keras_attention.tasks.TASKS`

    input_axes = dict.fromkeys(INPUTS, "B T")
    presets = {}
    tokenizer_class = "BertTokenizer"
    has_pooler = False
    num_segments = 1

    @classmethod
    def from_preset(cls, preset, **overrides):
        """A model with random weights in one of the sizes that `presets` names.

        Args:
            preset: name of the size.
            **overrides: arguments of this class.

        Raises:
            ValueError: if there is no such preset, or the class does not take an argument.
        """
        require(preset in cls.presets, "preset", f"one of {tuple(cls.presets)}", preset=preset)
        require_taken(cls, overrides)
        made = cls(**{**cls.presets[preset], **overrides})
        require_kept(made, overrides)
        return made

    def with_dropout(self, rate):
        """The same model and weights with another dropout rate, of attention weights too.

        Raises:
            ValueError: if the class does not take one.
        """
        require_taken(type(self), {"dropout": rate})
        config = self.get_config()
        changed = {"dropout": rate}
        if "attention_dropout" in config:
            changed["attention_dropout"] = None
        made = type(self).from_config({**config, **changed})
        require_kept(made, {"dropout": rate})
        made.set_weights(self.get_weights())
        return made

    @property
    def takes_pairs(self):
        return self.num_segments > 1

    def classifier_options(self):
        """The arguments of `Classifier` with which the family's classifiers are published, a dict.

        A training that is told no pooling takes them. By default it is the pooled output where
        there is a pooler, and else the mean.
        """
        return {"pooling": "pooled" if self.has_pooler else "mean"}

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


def require_taken(cls, arguments):
    """Raises `ValueError` for arguments, a dict, that a model's class does not take."""
    known = []
    for base in cls.__mro__[: cls.__mro__.index(Model)]:
        if "__init__" not in vars(base):
            continue
        parameters = list(inspect.signature(base.__init__).parameters.values())[1:]
        known += [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        if all(p.kind != p.VAR_KEYWORD for p in parameters):  # it hands nothing on
            break
    for name, value in arguments.items():
        require(
            name in (*known, *_OF_MODELS),
            name,
            f"an argument that {cls.__name__} takes: {', '.join(known)}",
            **{name: value},
        )


def require_kept(encoder, arguments):
    """Raises `ValueError` where an `Encoder`'s config has other numbers than it was given."""
    config = encoder.get_config()
    for name, value in arguments.items():
        require(
            not isinstance(value, (int, float)) or config.get(name) == value,
            name,
            f"an argument that {type(encoder).__name__} keeps: its `get_config` returns another",
            **{name: value},
        )


def encoder_of(model):
    """The encoder of a model with a head, or the model where it is an encoder itself."""
    return model if isinstance(model, Encoder) else model.encoder
