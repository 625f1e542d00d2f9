"""A small BERT and inputs for it."""

import keras
import numpy as np

from keras_attention.models import BertEncoder

V, B, T, P, D, H, LAYERS, SEGMENTS = 13, 3, 6, 4, 8, 2, 2, 3
SMALL = dict(
    vocabulary_size=V,
    num_layers=LAYERS,
    num_heads=H,
    hidden_dim=D,
    intermediate_dim=12,
    dropout=0.2,
    max_sequence_length=20,
    num_segments=SEGMENTS,
)
RNG = np.random.default_rng(2)
LENGTHS = np.array([6, 4, 2])
MASK = np.arange(T) < LENGTHS[:, None]
INPUTS = {
    "token_ids": RNG.integers(0, V, (B, T)).astype("int32"),
    "segment_ids": RNG.integers(0, SEGMENTS, (B, T)).astype("int32"),
    "padding_mask": MASK.astype("int32"),
}
POSITIONS = np.array([[5, 0, 2, 1], [3, 1, 0, 0], [1, 0, 0, 0]], "int32")  # at tokens


def make_encoder(cls=BertEncoder, **options):
    keras.utils.set_random_seed(4)
    return cls(**{**SMALL, **options})


def with_other_padding(inputs, more=5):
    """`inputs` (B, T, ...) with other tokens at padding, and more of it."""
    other = np.random.default_rng(9)
    result = dict(inputs)
    for name, size in (("token_ids", V), ("segment_ids", SEGMENTS)):
        noise = other.integers(0, size, (B, T + more)).astype("int32")
        noise[:, :T] = np.where(MASK, inputs[name], noise[:, :T])
        result[name] = noise
    result["padding_mask"] = np.pad(inputs["padding_mask"], ((0, 0), (0, more)))
    return result


def row_alone(inputs, row):
    """Row `row` of `inputs` without its padding."""
    length = LENGTHS[row]
    return {name: inputs[name][row : row + 1, :length] for name in INPUTS}
