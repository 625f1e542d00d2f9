"""A small translator-like model with the exact step, and length-skewed batches for it."""

import keras
import numpy as np
import tensorflow as tf

from keras_attention.layers import AdditiveAttention, RecurrentDecoder, RecurrentEncoder
from keras_attention.models import Model as ExactModel
from keras_attention.training import Distiller

VOCABULARY = 13


def token_model(cls=ExactModel, regularizer=None, seed=1, dtype=None):
    """ids (B, T) -> logits (B, T, V); the embedding's gradient is sparse."""
    keras.utils.set_random_seed(seed)
    ids = keras.Input((None,), dtype="int32", name="ids")
    x = keras.layers.Embedding(VOCABULARY, 6, dtype=dtype, name="embedding")(ids)
    x = keras.layers.Dense(7, "tanh", kernel_regularizer=regularizer, dtype=dtype)(x)
    logits = keras.layers.Dense(VOCABULARY, dtype=dtype, name="logits")(x)
    return cls(ids, logits)


def distilled_model():
    """A `Distiller` of models of ids (B, T), whose hidden states differ in width."""
    made = []
    for seed, width in ((2, 9), (1, 7)):  # the teacher first: the seed is the student's
        keras.utils.set_random_seed(seed)
        ids = keras.Input((None,), dtype="int32", name="ids")
        x = keras.layers.Embedding(VOCABULARY, 6, name="embedding")(ids)
        x = keras.layers.Dense(width, "tanh", name="hidden")(x)
        made.append(ExactModel(ids, keras.layers.Dense(VOCABULARY, name="logits")(x)))
    return Distiller(made[1], made[0], hidden_layers=("hidden", "hidden"))


def two_output_model(cls=ExactModel):
    """numbers (B, 3) -> class logits (B, 4) and a value (B, 1)."""
    keras.utils.set_random_seed(2)
    x = keras.Input((3,))
    hidden = keras.layers.Dense(5, "tanh")(x)
    outputs = {
        "kind": keras.layers.Dense(4, name="kind")(hidden),
        "amount": keras.layers.Dense(1, name="amount")(hidden),
    }
    return cls(inputs=x, outputs=outputs)


def skewed_rows(rows, length=9, seed=0):
    """ids and targets (B, T): row i has about T / (i + 1) tokens."""
    random = np.random.default_rng(seed)
    ids = random.integers(1, VOCABULARY, (rows, length)).astype("int32")
    targets = random.integers(1, VOCABULARY, (rows, length)).astype("int32")
    for row in range(rows):
        ids[row, 1 + length // (row + 1) :] = 0
        targets[row, 1 + length // (row + 1) :] = 0
    return ids, targets


def trained_weights(model, batches, **compile_options):
    """The weights after one update for each batch, as one vector, and the logs of the last."""
    if not isinstance(model, ExactModel):
        compile_options.pop("micro_batches", None)
    model.compile(**compile_options)
    logs = {}
    for batch in batches:
        logs = model.fit(tf.data.Dataset.from_tensors(batch), shuffle=False, verbose=0).history
    flat = np.concatenate([np.ravel(w) for w in model.get_weights()])
    return flat, {name: values[-1] for name, values in logs.items()}


def masked_outputs():
    """A model of two outputs, whose ids 0 are masked: ids (B, T) -> logits (B, T, V) and (B, 1)."""
    keras.utils.set_random_seed(4)
    ids = keras.Input((None,), dtype="int32", name="ids")
    x = keras.layers.Embedding(VOCABULARY, 6, mask_zero=True)(ids)
    logits = keras.layers.Dense(VOCABULARY, name="logits")(x)
    x = keras.layers.GlobalAveragePooling1D()(x)
    return ExactModel(ids, [logits, keras.layers.Dense(1, name="amount")(x)])


def recurrent_model():
    """ids (B, T) -> logits (B, T, V), by a recurrent encoder and decoder with attention."""
    keras.utils.set_random_seed(5)
    ids = keras.Input((None,), dtype="int32", name="ids")
    x = keras.layers.Embedding(VOCABULARY, 6, mask_zero=True)(ids)
    annotations, _ = RecurrentEncoder(5)(x)
    decoder = RecurrentDecoder(keras.layers.GRUCell(7), attention=AdditiveAttention(4))
    return ExactModel(ids, keras.layers.Dense(VOCABULARY)(decoder(x, annotations)))
