"""KerasHub's BertBackbone and our encoder, each made of the other."""

import numpy as np

from keras_attention import activations
from keras_attention._validation import missing_package, require
from keras_attention.checkpoints.bert import Bert
from keras_attention.checkpoints.parts import assign
from keras_attention.models import BertEncoder

SIZES = (
    "vocabulary_size",
    "num_layers",
    "num_heads",
    "hidden_dim",
    "intermediate_dim",
    "max_sequence_length",
    "num_segments",
)
# What BertBackbone always is, and our encoder may be.
FIXED = {"activation": "gelu_new", "layer_norm_epsilon": 1e-12, "has_pooler": True}


def _paths(num_layers):
    """`{name of HuggingFace: path of BertBackbone's variable}`."""
    paths = {
        "embeddings.word_embeddings.weight": "token_embedding/embeddings",
        "embeddings.position_embeddings.weight": "position_embedding/embeddings",
        "embeddings.token_type_embeddings.weight": "segment_embedding/embeddings",
        "embeddings.LayerNorm.weight": "embeddings_layer_norm/gamma",
        "embeddings.LayerNorm.bias": "embeddings_layer_norm/beta",
        "pooler.dense.weight": "pooled_dense/kernel",
        "pooler.dense.bias": "pooled_dense/bias",
    }
    dense = {
        "attention.self.query": "self_attention_layer/query",
        "attention.self.key": "self_attention_layer/key",
        "attention.self.value": "self_attention_layer/value",
        "attention.output.dense": "self_attention_layer/attention_output",
        "intermediate.dense": "feedforward_intermediate_dense",
        "output.dense": "feedforward_output_dense",
    }
    norms = {
        "attention.output.LayerNorm": "self_attention_layer_norm",
        "output.LayerNorm": "feedforward_layer_norm",
    }
    for index in range(num_layers):
        ours, theirs = f"encoder.layer.{index}.", f"transformer_layer_{index}/"
        for name, path in dense.items():
            paths[f"{ours}{name}.weight"] = f"{theirs}{path}/kernel"
            paths[f"{ours}{name}.bias"] = f"{theirs}{path}/bias"
        for name, path in norms.items():
            paths[f"{ours}{name}.weight"] = f"{theirs}{path}/gamma"
            paths[f"{ours}{name}.bias"] = f"{theirs}{path}/beta"
    return paths


def _pairs(encoder, backbone):
    """A `Part` of ours and the variable of theirs, for every variable."""
    variables = {variable.path: variable for variable in backbone.weights}
    paths = _paths(encoder.num_layers)
    parts = Bert().encoder_parts(encoder)
    return [(part, variables[paths[name]]) for name, part in parts.items()]


def from_keras_hub(backbone):
    """A `BertEncoder` with the weights of a `keras_hub.models.BertBackbone`.

    Raises:
        ValueError: if it is no such backbone.

    >>> from_keras_hub(keras_hub.models.BertBackbone.from_preset("bert_tiny_en_uncased"))
    """
    require(
        any(base.__name__ == "BertBackbone" for base in type(backbone).__mro__),
        "backbone",
        "a keras_hub.models.BertBackbone",
        backbone=type(backbone).__name__,
    )
    encoder = BertEncoder(
        **{name: getattr(backbone, name) for name in SIZES},
        dropout=backbone.dropout,
        **FIXED,
        dtype=backbone.token_embedding.dtype_policy,
    )
    assign(
        {
            part: np.asarray(variable.numpy(), "float32").reshape(part.shape)
            for part, variable in _pairs(encoder, backbone)
        }
    )
    return encoder


def to_keras_hub(encoder):
    """A `keras_hub.models.BertBackbone` with the weights of a `BertEncoder`.

    KerasHub's BERT has GELU by tanh only. For a checkpoint trained with the exact formula, load it
    by `load_hugging_face(directory, "encoder", activation="gelu_new")`, as KerasHub's own
    conversion does: each activation differs by at most 4.73e-4.

    Raises:
        ValueError: if BertBackbone cannot compute what the encoder does.
        ImportError: if KerasHub is not installed; names the extra.
    """
    found = {
        "activation": activations.serialize(encoder.activation),
        "layer_norm_epsilon": encoder.layer_norm_epsilon,
        "has_pooler": encoder.has_pooler,
        "attention_dropout": encoder.attention_dropout,
    }
    expected = {**FIXED, "attention_dropout": encoder.dropout}
    others = {
        name: value
        for name, value in found.items()
        if value != expected[name] and (name, value) != ("attention_dropout", None)
    }
    require(
        not others,
        "encoder",
        f"one that BertBackbone can be, with {', '.join(f'{n}={v!r}' for n, v in FIXED.items())} "
        "and one rate of dropout",
        **others,
    )
    try:
        import keras_hub
    except ImportError as error:
        raise missing_package("keras_hub", "hub") from error

    backbone = keras_hub.models.BertBackbone(
        **{name: getattr(encoder, name) for name in SIZES},
        dropout=encoder.dropout,
        dtype=encoder.embedding.dtype_policy,
    )
    for part, variable in _pairs(encoder, backbone):
        variable.assign(part.value().reshape(variable.shape))
    return backbone
