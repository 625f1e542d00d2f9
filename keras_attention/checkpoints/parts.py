"""Where the tensors of a BERT checkpoint live in our models, by the names of HuggingFace."""

import dataclasses

import keras
import numpy as np
from keras import ops

from keras_attention.models import BertMaskedLM


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
    """A variable, or some columns of one: queries, keys and values share a matrix here.

    Args:
        variable: Keras variable.
        columns: the first column and the one after its last; None is all.
        is_kernel: whether it is the matrix of a dense layer, which PyTorch keeps transposed.
    """

    variable: keras.Variable
    columns: tuple | None = None
    is_kernel: bool = False

    @property
    def shape(self):
        """Of the part, as it is in our model."""
        *outer, last = self.variable.shape
        return (*outer, last if self.columns is None else self.columns[1] - self.columns[0])

    @property
    def stored_shape(self):
        """Of the part, as a checkpoint of PyTorch has it."""
        return self.shape[::-1] if self.is_kernel else self.shape

    def value(self):
        """The part as a float32 array."""
        value = np.asarray(ops.convert_to_numpy(ops.cast(self.variable.value, "float32")))
        return value if self.columns is None else value[..., slice(*self.columns)]

    def stored_value(self):
        """The part as a float32 array laid out as PyTorch does."""
        return np.ascontiguousarray(self.value().T if self.is_kernel else self.value())


def assign(values):
    """Gives variables new values.

    Args:
        values: dict of `Part` -> array of its `shape`; of a variable in parts all of them.
    """
    arrays = {}
    for part, value in values.items():
        variable = part.variable
        if part.columns is None:
            arrays[id(variable)] = variable, value
            continue
        if id(variable) not in arrays:
            arrays[id(variable)] = variable, np.empty(variable.shape, "float32")
        arrays[id(variable)][1][..., slice(*part.columns)] = value
    for variable, value in arrays.values():
        variable.assign(value)


def _dense(name, kernel, bias, columns=None):
    return {
        f"{name}.weight": Part(kernel, columns, is_kernel=True),
        f"{name}.bias": Part(bias, columns),
    }


def _norm(name, layer):
    return {f"{name}.weight": Part(layer.gamma), f"{name}.bias": Part(layer.beta)}


def encoder_parts(encoder):
    """`{name: Part}` of a `BertEncoder`: the tensors of HuggingFace's BertModel."""
    positions = encoder.embedding.position_layer.position_embeddings
    parts = {
        "embeddings.word_embeddings.weight": Part(encoder.embedding.token_embeddings),
        "embeddings.position_embeddings.weight": Part(positions),
        "embeddings.token_type_embeddings.weight": Part(encoder.segment_embedding.embeddings),
        **_norm("embeddings.LayerNorm", encoder.embedding_normalization),
    }
    width = encoder.hidden_dim
    for index, block in enumerate(encoder.blocks):
        attention, feed_forward = block.self_attention, block.feed_forward
        layer = f"encoder.layer.{index}"
        for third, name in enumerate(("query", "key", "value")):
            parts |= _dense(
                f"{layer}.attention.self.{name}",
                attention.query_key_value_kernel,
                attention.query_key_value_bias,
                (third * width, (third + 1) * width),
            )
        name = f"{layer}.attention.output"
        parts |= _dense(f"{name}.dense", attention.output_kernel, attention.output_bias)
        parts |= _norm(f"{name}.LayerNorm", block.self_attention_normalization)
        dense = feed_forward.intermediate
        parts |= _dense(f"{layer}.intermediate.dense", dense.kernel, dense.bias)
        dense = feed_forward.output_projection
        parts |= _dense(f"{layer}.output.dense", dense.kernel, dense.bias)
        parts |= _norm(f"{layer}.output.LayerNorm", block.feed_forward_normalization)
    if encoder.has_pooler:
        parts |= _dense("pooler.dense", encoder.pooler.kernel, encoder.pooler.bias)
    return parts


def task_parts(model):
    """`{name: Part}` of a `BertTask`: those of its encoder with a prefix, and of its head."""
    parts = {f"bert.{name}": part for name, part in encoder_parts(model.encoder).items()}
    if not isinstance(model, BertMaskedLM):
        return parts | _dense("classifier", model.classifier.kernel, model.classifier.bias)
    head = model.masked_lm
    parts["cls.predictions.bias"] = Part(head.token_bias)
    parts |= _dense("cls.predictions.transform.dense", head.dense.kernel, head.dense.bias)
    parts |= _norm("cls.predictions.transform.LayerNorm", head.normalization)
    if model.next_sentence:
        dense = model.next_sentence_classifier
        parts |= _dense("cls.seq_relationship", dense.kernel, dense.bias)
    return parts
