"""The base class of published families whose encoder is a stack of transformer blocks."""

import keras

from keras_attention import activations
from keras_attention._validation import require
from keras_attention.checkpoints.encoder_family import EncoderFamily
from keras_attention.checkpoints.parts import Part, dense_parts, norm_parts
from keras_attention.models import MaskedLM
from keras_attention.models.block_encoder import INITIALIZER_RANGE
from keras_attention.models.encoder import encoder_of

ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_python": "gelu",
    "gelu_new": "gelu_new",
    "gelu_fast": "gelu_new",  # the same formula, multiplied out
    "gelu_pytorch_tanh": "gelu_new",
    "relu": "relu",
}
DROPOUT = 0.1  # where a config gives no rate


class BlockFamily(EncoderFamily):
    """A family whose bare model is a `BlockEncoder`: see `Family`.

    It reads and writes the config, and the tensors that all such families have. A new one adds
    `make`, `head_parts` and `architecture`, and extends what it has besides.

    Attributes:
        activation: the name of the feed-forward layers' function in config.json.
        blocks: what the names of a block's tensors begin with, before its number.
        block_names: dict from a part of a block to the name of its tensors, after the number:
            `query`, `key`, `value`, `attention_output`, `attention_normalization`, `intermediate`,
            `output` and `normalization`.
        masked_lm_names: dict from a part of the head for masked tokens to the name of its tensors:
            `dense`, `normalization` and `bias`.
    """

    activation = "hidden_act"
    blocks = "encoder.layer"
    block_names = {}
    masked_lm_names = {}

    def known_name(self, name):
        # Checkpoints converted from TensorFlow's call a norm's tensors as TensorFlow does.
        name = name.replace("LayerNorm.gamma", "LayerNorm.weight")
        return name.replace("LayerNorm.beta", "LayerNorm.bias")

    def arguments(self, config, names):
        arguments = {
            **{ours: config[theirs] for theirs, ours in self.sizes.items()},
            **{ours: given(config.get(theirs), DROPOUT) for theirs, ours in self.rates.items()},
            "activation": ACTIVATIONS[config.get(self.activation, "gelu")],
        }
        if self.epsilon is not None:
            arguments["layer_norm_epsilon"] = config.get(*self.epsilon)
        return arguments

    def large_tensors(self, arguments):
        width, inner = arguments["hidden_dim"], arguments["intermediate_dim"]
        return {
            "embeddings.word_embeddings.weight": (arguments["vocabulary_size"], width),
            "embeddings.position_embeddings.weight": (arguments["max_sequence_length"], width),
            f"{self.blocks}.0.{self.block_names['intermediate']}.weight": (inner, width),
        }

    def parameters(self, arguments):
        width, inner = arguments["hidden_dim"], arguments["intermediate_dim"]
        tables = ("vocabulary_size", "max_sequence_length", "num_segments")
        matrices = arguments["num_layers"] * (4 * width**2 + 2 * width * inner)
        return sum(arguments.get(name, 0) for name in tables) * width + matrices

    def parts(self, model):
        if isinstance(model, self.bare_class):
            return self.encoder_parts(model)
        encoder = self.encoder_parts(model.encoder)
        head = self.masked_lm_parts(model) if isinstance(model, MaskedLM) else {}
        head |= self.head_parts(model)
        return {self.prefix + name: part for name, part in encoder.items()} | head

    def encoder_parts(self, encoder):
        """`{name: Part}` of a bare model."""
        positions = encoder.embedding.position_layer.position_embeddings
        parts = {
            "embeddings.word_embeddings.weight": Part(encoder.embedding.token_embeddings),
            "embeddings.position_embeddings.weight": Part(positions),
            **norm_parts("embeddings.LayerNorm", encoder.embedding_normalization),
        }
        for index, block in enumerate(encoder.blocks):
            own = block_parts(block, encoder.hidden_dim, self.block_names)
            parts |= {f"{self.blocks}.{index}.{name}": part for name, part in own.items()}
        return parts

    def masked_lm_parts(self, model):
        """`{name: Part}` of the head for masked tokens of a `MaskedLM`."""
        head, names = model.masked_lm, self.masked_lm_names
        return {
            names["bias"]: Part(head.token_bias),
            **dense_parts(names["dense"], head.dense.kernel, head.dense.bias),
            **norm_parts(names["normalization"], head.normalization),
        }

    def head_parts(self, model):
        """`{name: Part}` of the head of a model; of a `MaskedLM` of what it has besides."""
        raise NotImplementedError

    def config(self, model):
        encoder = encoder_of(model)
        activation = activations.serialize(encoder.activation)
        if encoder.activation is keras.activations.gelu:
            activation = "gelu"
        require(
            activation in ("gelu", "gelu_new", "relu"),
            "model",
            f"a {self.name} whose activation is 'gelu', 'gelu_new' or 'relu' to be written",
            activation=activation,
        )
        rates = {
            theirs: given(getattr(encoder, ours), encoder.dropout)
            for theirs, ours in self.rates.items()
        }
        epsilon = {} if self.epsilon is None else {self.epsilon[0]: encoder.layer_norm_epsilon}
        return {
            "model_type": self.model_type,
            **{theirs: getattr(encoder, ours) for theirs, ours in self.sizes.items()},
            self.activation: activation,
            **rates,
            **epsilon,
            "initializer_range": INITIALIZER_RANGE,
            "dtype": "float32",
        }


def given(value, default):
    """`value`, or `default` where it is None."""
    return default if value is None else value


def class_count(shapes):
    """The number of classes of a checkpoint's classifier; a fault in it is found afterwards."""
    return max(1, (shapes.get("classifier.bias") or (1,))[0])


def block_parts(block, width, names):
    """`{name: Part}` of a `TransformerEncoder` of width `width`; for `names` see `BlockFamily`."""
    attention, feed_forward = block.self_attention, block.feed_forward
    parts = {}
    for third, name in enumerate(("query", "key", "value")):
        parts |= dense_parts(
            names[name],
            attention.query_key_value_kernel,
            attention.query_key_value_bias,
            (third * width, (third + 1) * width),
        )
    for name, kernel, bias in (
        ("attention_output", attention.output_kernel, attention.output_bias),
        ("intermediate", feed_forward.intermediate.kernel, feed_forward.intermediate.bias),
        ("output", feed_forward.output_projection.kernel, feed_forward.output_projection.bias),
    ):
        parts |= dense_parts(names[name], kernel, bias)
    parts |= norm_parts(names["attention_normalization"], block.self_attention_normalization)
    parts |= norm_parts(names["normalization"], block.feed_forward_normalization)
    return parts
