"""Rotary positions (Su et al. 2021)."""

import math

import keras
import numpy as np
from keras import ops

from keras_attention._validation import require, require_positive_number
from keras_attention.layers.layer import Layer
from keras_attention.layers.require_shapes import require_shapes

# What each type of scaling takes; the names are those of HuggingFace's configs.
SCALINGS = {
    "default": (),
    "linear": ("factor",),
    "llama3": (
        "factor",
        "low_freq_factor",
        "high_freq_factor",
        "original_max_position_embeddings",
    ),
}


@keras.saving.register_keras_serializable(package="keras_attention")
class RotaryEmbedding(Layer):
    """Queries and keys turned by angles that grow with their positions.

    The halves of a vector are the two coordinates of K / 2 planes. In plane i a vector at position
    p is turned by p * base ** (-2 i / K). The product of a query and a key then depends on the
    distance of their positions alone.

    Args:
        base: the larger, the slower the last planes turn.
        scaling: dict with "rope_type" and its numbers, for more positions than a model was first
            trained for: "linear" divides positions by "factor"; "llama3" divides by it only where
            planes turn slowly, between "low_freq_factor" and "high_freq_factor" turns within
            "original_max_position_embeddings" more and more so. None, or "default", for none.

    Call arguments:
        inputs: (..., T, K), K even.
        positions: integer (T,), or (B, T) for inputs (B, ..., T, K); 0, 1, ... if not given.

    Returns:
        The turned vectors, in the shape of `inputs`.

    Raises:
        ValueError: if `base` is not above 0, a scaling is unknown or lacks a number, or the width
            is odd.

    Example:

    >>> layer = RotaryEmbedding()
    >>> query = keras.random.normal((2, 4, 5, 8))  # (B, H, T, K)
    >>> layer(query, positions=np.arange(5) + 3).shape
    (2, 4, 5, 8)

    Reference: Su et al. 2021, "RoFormer: Enhanced Transformer with Rotary Position Embedding",
    section 3.2, https://arxiv.org/abs/2104.09864
    """

    def __init__(self, base=10000.0, scaling=None, **kwargs):
        super().__init__(**kwargs)
        require_positive_number("base", base)
        self.base = base
        self.scaling = _checked(scaling)
        self.supports_masking = True

    def call(self, inputs, positions=None):
        require_shapes(inputs=(inputs, "... T K"))
        require(
            inputs.shape[-1] % 2 == 0,
            "inputs",
            "of even width: two halves are turned",
            **{"inputs.shape": tuple(inputs.shape)},
        )
        if positions is None:
            positions = ops.arange(ops.shape(inputs)[-2], dtype="int32")
        rates = ops.convert_to_tensor(rotation_rates(inputs.shape[-1], self.base, self.scaling))
        # In float32: bfloat16 has no number for most positions.
        angles = ops.expand_dims(ops.cast(positions, "float32"), -1) * rates
        while 2 < len(angles.shape) < len(inputs.shape):  # rows have their own: (B, 1, T, K / 2)
            angles = ops.expand_dims(angles, 1)
        cos = ops.cast(ops.cos(angles), inputs.dtype)
        sin = ops.cast(ops.sin(angles), inputs.dtype)
        first, second = ops.split(inputs, 2, axis=-1)
        return ops.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)

    def compute_output_shape(self, inputs_shape, positions_shape=None):
        return inputs_shape

    def get_config(self):
        return {**super().get_config(), "base": self.base, "scaling": self.scaling}


def rotation_rates(width, base=10000.0, scaling=None):
    """By how much each plane turns from one position to the next: (`width` / 2,) float32.

    >>> rotation_rates(4, base=100.0)  # [1.0, 0.1]
    """
    rates = 1.0 / base ** (np.arange(0, width, 2, dtype="float64") / width)
    scaling = _checked(scaling) or {}
    kind = scaling.get("rope_type", "default")
    if kind == "linear":
        rates = rates / scaling["factor"]
    elif kind == "llama3":
        # Turns within the first context: few are slowed down by the factor, many not at all.
        turns = scaling["original_max_position_embeddings"] * rates / (2 * math.pi)
        low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
        share = np.clip((turns - low) / (high - low), 0.0, 1.0)
        rates = share * rates + (1 - share) * rates / scaling["factor"]
    return rates.astype("float32")


def _checked(scaling):
    """The scaling with the numbers of its type alone; None for none."""
    if scaling is None:
        return None
    kind = scaling.get("rope_type") if isinstance(scaling, dict) else None
    require(
        kind in SCALINGS,
        "scaling",
        f'None or a dict whose "rope_type" is one of {tuple(SCALINGS)}',
        scaling=scaling,
    )
    # NumPy's numbers as Python's: a config is written as JSON.
    scaling = {n: x.item() if isinstance(x, np.generic) else x for n, x in scaling.items()}
    for name in SCALINGS[kind]:
        require(name in scaling, "scaling", f'a dict with "{name}"', scaling=scaling)
        require_positive_number(f'scaling["{name}"]', scaling[name])
    if kind == "llama3":
        require(
            scaling["low_freq_factor"] < scaling["high_freq_factor"],
            "scaling",
            'a dict whose "low_freq_factor" is below its "high_freq_factor"',
            scaling=scaling,
        )
    if kind == "default":
        return None
    return {"rope_type": kind, **{name: scaling[name] for name in SCALINGS[kind]}}
