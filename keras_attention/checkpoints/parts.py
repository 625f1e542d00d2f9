"""A checkpoint's tensors and where they live in our models."""

import dataclasses

import keras
import numpy as np
from keras import ops


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
        """The part's shape in our model."""
        *outer, last = self.variable.shape
        return (*outer, last if self.columns is None else self.columns[1] - self.columns[0])

    @property
    def stored_shape(self):
        """The part's shape in a checkpoint of PyTorch."""
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
        values: dict of `Part` -> array of its `shape`. A variable in several parts needs all of
            them.
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


def dense_parts(name, kernel, bias, columns=None):
    """`{name: Part}` of a dense layer's matrix and bias."""
    return {
        f"{name}.weight": Part(kernel, columns, is_kernel=True),
        f"{name}.bias": Part(bias, columns),
    }


def norm_parts(name, layer):
    """`{name: Part}` of a layer normalisation."""
    return {f"{name}.weight": Part(layer.gamma), f"{name}.bias": Part(layer.beta)}
