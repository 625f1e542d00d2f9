"""Orthogonal matrices for every gate of a recurrent cell."""

import keras
from keras import ops

from keras_attention._validation import require


@keras.saving.register_keras_serializable(package="keras_attention")
class GateOrthogonal(keras.initializers.Initializer):
    """A kernel (n, k n) of k square orthogonal matrices, one for each gate.

    `keras.initializers.Orthogonal` makes the rows of the whole kernel orthonormal, so that no
    gate's matrix is orthogonal by itself, as Bahdanau et al. 2015, appendix B.1, want it.

    Args:
        seed: integer.

    Raises:
        ValueError: if the kernel is not made of square matrices.

    >>> keras.layers.GRUCell(16, recurrent_initializer=GateOrthogonal())
    """

    def __init__(self, seed=None):
        self.seed = seed

    def __call__(self, shape, dtype=None):
        rows, columns = shape
        require(columns % rows == 0, "shape", "that of square matrices side by side", shape=shape)
        seeds = [None if self.seed is None else self.seed + n for n in range(columns // rows)]
        gates = [keras.initializers.Orthogonal(seed=seed)((rows, rows), dtype) for seed in seeds]
        return ops.concatenate(gates, axis=1)

    def get_config(self):
        return {"seed": self.seed}
