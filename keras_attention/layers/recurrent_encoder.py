"""Recurrent encoders: one or more layers of GRU or LSTM, in one or both directions."""

import keras
from keras import ops

from keras_attention import masks
from keras_attention._validation import require, require_positive_integer, require_rate
from keras_attention.graph import rnn_cells
from keras_attention.graph.recurrence import recurrence
from keras_attention.layers.clone_initializer import clone_initializer
from keras_attention.layers.dropout import Dropout
from keras_attention.layers.layer import Layer, refuse_time_distributed
from keras_attention.layers.require_shapes import require_shapes

CELLS = ("gru", "lstm")
TWO_OUTPUTS = "it returns annotations and a summary, and a wrapper takes one output"


def reverse_time(tensor):
    """`tensor` (S, ...) from its last time step to its first.

    By a slice: TFLite's operator for `ops.flip` crashes where there are no elements.
    """
    return tensor[::-1]


@keras.saving.register_keras_serializable(package="keras_attention")
class RecurrentEncoder(Layer):
    """Annotations of a sequence by stacked recurrent layers that padding does not change.

    A bidirectional layer concatenates the states of a forward and a backward reading, h_j = [fwd_j;
    bwd_j]; the backward one begins at the last token, not at the padding. Both directions run in
    one loop. Annotations of padding are zeros.

    Masking: `padding_mask` True means a token; it may also arrive from a stock layer upstream.

    Args:
        units: width U of a layer, in each direction.
        cell: "gru" or "lstm".
        num_layers: number of layers.
        bidirectional_layers: how many of the first layers read in both directions; None: all.
        residual: whether a layer's input is added to its output where both are equally wide.
        normalize: whether the annotations go through a layer normalisation.
        dropout: rate on the output of every layer, after the normalisation, in [0, 1).
        use_bias: whether the cells have biases.
        reset_after: the GRU's variant: True for cuDNN's, False for that of Cho et al. 2014.
        kernel_initializer, kernel_regularizer, kernel_constraint: of the input matrices.
        recurrent_initializer, recurrent_regularizer, recurrent_constraint: of the recurrent ones.
        bias_regularizer, bias_constraint: of the biases.
        seed: integer for the dropout.

    Call arguments:
        inputs: (B, S, E).
        padding_mask: boolean (B, S).
        training: whether dropout is applied.

    Returns:
        Annotations (B, S, W), W being 2 U if the last layer is bidirectional, else U; and a summary
        (B, W): the last layer's states when it has read everything, the forward one after the last
        token, the backward one after the first.

    Raises:
        ValueError: if a size or rate is out of range, the cell is unknown, or an input has another
            rank or size.

    Example:

    >>> annotations, summary = RecurrentEncoder(units=8)(keras.random.normal((3, 5, 4)))
    >>> annotations.shape, summary.shape
    ((3, 5, 16), (3, 16))

    Reference: Bahdanau, Cho & Bengio 2015, section 3.2, https://arxiv.org/abs/1409.0473; residual
    stacks: Wu et al. 2016, section 3.1, https://arxiv.org/abs/1609.08144
    """

    weight_kinds = ("kernel", "recurrent", "bias")

    def __init__(
        self,
        units,
        cell="gru",
        num_layers=1,
        bidirectional_layers=None,
        residual=False,
        normalize=False,
        dropout=0.0,
        use_bias=True,
        reset_after=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        require_positive_integer("units", units)
        require_positive_integer("num_layers", num_layers)
        require(cell in CELLS, "cell", f"one of {CELLS}", cell=cell)
        require_rate("dropout", dropout)
        both = num_layers if bidirectional_layers is None else bidirectional_layers
        require(
            isinstance(both, int) and 0 <= both <= num_layers,
            "bidirectional_layers",
            "an integer from 0 to `num_layers`, or None",
            bidirectional_layers=bidirectional_layers,
            num_layers=num_layers,
        )
        self.units = units
        self.cell = cell
        self.num_layers = num_layers
        self.bidirectional_layers = bidirectional_layers
        self.residual = residual
        self.normalize = normalize
        self.dropout = dropout
        self.use_bias = use_bias
        self.reset_after = reset_after
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)
        self.seed = seed
        self.supports_masking = True
        names = ("forward", "backward")
        self.cells = [
            [self._make_cell(f"layer_{n}_{name}") for name in (names if n < both else names[:1])]
            for n in range(num_layers)
        ]
        self.dropouts = [Dropout(dropout, seed=seed, dtype=self.dtype_policy) for _ in self.cells]
        self.normalization = None
        if normalize:
            self.normalization = keras.layers.LayerNormalization(
                epsilon=1e-5, name="normalization", dtype=self.dtype_policy
            )

    width_axes = {"inputs": "E"}

    def _make_cell(self, name):
        options = dict(
            use_bias=self.use_bias,
            kernel_initializer=clone_initializer(self.kernel_initializer),
            recurrent_initializer=clone_initializer(self.recurrent_initializer),
            **self.part_rules(),
            name=name,
            dtype=self.dtype_policy,
        )
        if self.cell == "lstm":
            return keras.layers.LSTMCell(self.units, **options)
        return keras.layers.GRUCell(self.units, reset_after=self.reset_after, **options)

    def build(self, inputs_shape):
        width = inputs_shape[-1]
        for directions, dropout in zip(self.cells, self.dropouts, strict=True):
            for cell in directions:
                cell.build((None, width))
            width = self.units * len(directions)
            dropout.build((None, None, width))
        if self.normalization is not None:
            self.normalization.build((None, None, width))
        self.built = True

    def call(self, inputs, padding_mask=None, training=None):
        refuse_time_distributed(self, TWO_OUTPUTS)
        if padding_mask is None:
            padding_mask = masks.implicit_mask(inputs)
        inputs = self.require_shapes(inputs, padding_mask)
        # Time comes first from here on: (S, B, ...).
        x = ops.transpose(inputs, (1, 0, 2))
        mask = None
        if padding_mask is not None:
            mask = ops.expand_dims(ops.transpose(ops.cast(padding_mask, "bool")), 2)  # (S, B, 1)
        for index, (directions, dropout) in enumerate(zip(self.cells, self.dropouts, strict=True)):
            output, summary = self._layer(directions, x, mask, training)
            x = x + output if self.residual and output.shape[-1] == x.shape[-1] else output
            if self.normalization is not None and index + 1 == self.num_layers:
                x = self.normalization(x)
            x = dropout(x, training=training) if self.dropout else x
        if mask is not None:
            x = x * ops.cast(mask, x.dtype)
        return ops.transpose(x, (1, 0, 2)), summary

    def _layer(self, directions, x, mask, training):
        """One layer: annotations (S, B, W) and last states (B, W) from (S, B, E).

        The directions stand on an axis of their own, G, the backward one reading `x` reversed.
        """
        batch_size, dtype = ops.shape(x)[1], self.compute_dtype

        def turned(tensor):  # as each direction reads it
            return [tensor, reverse_time(tensor)][: len(directions)]

        shares = [
            rnn_cells.project(cell, sequence, 0, dtype)
            for cell, sequence in zip(directions, turned(x), strict=True)
        ]
        inputs = {"x": shares}  # [(S, B, gates)], not in one tensor: it would be copied
        if mask is not None:
            inputs["mask"] = ops.stack(turned(mask), axis=1)  # (S, G, B, 1)
        kernel = ops.stack([ops.cast(cell.recurrent_kernel, dtype) for cell in directions])
        constants = {"kernel": kernel}
        biases = [rnn_cells.recurrent_bias(cell) for cell in directions]
        if biases[0] is not None:
            biases = ops.stack([ops.cast(bias, dtype) for bias in biases])
            constants["bias"] = ops.expand_dims(biases, 1)

        def step(states, step_inputs, constants, matmul):
            new = rnn_cells.step(
                ops.stack(step_inputs["x"]),  # (G, B, gates)
                states,
                constants["kernel"],
                constants.get("bias"),
                self.reset_after,
                matmul,
            )
            if mask is not None:
                new = [
                    ops.where(step_inputs["mask"], n, s) for n, s in zip(new, states, strict=True)
                ]
            return new, ops.unstack(new[0])

        zeros = ops.zeros((batch_size, self.units), dtype=dtype)
        stacked = ops.stack([zeros] * len(directions))  # (G, B, U)
        states, (forward, *backward) = recurrence(
            step,
            [stacked] * (2 if self.cell == "lstm" else 1),
            inputs,
            [zeros] * len(directions),
            constants,
            training=training,
        )
        outputs = [forward, *[reverse_time(output) for output in backward]]  # (S, B, U)
        return ops.concatenate(outputs, axis=-1), ops.concatenate(ops.unstack(states[0]), axis=-1)

    def _width(self):
        return self.units * len(self.cells[-1])

    def compute_mask(self, inputs, mask=None):
        return mask, None

    def require_shapes(self, inputs, padding_mask=None):
        """Raises `ValueError` unless the arguments of a call have the shapes that it takes.

        Returns the first of them: see `require_shapes`.
        """
        return require_shapes(
            self.known_sizes(), inputs=(inputs, "B S E"), padding_mask=(padding_mask, "B S")
        )

    def compute_output_shape(self, inputs_shape):
        refuse_time_distributed(self, TWO_OUTPUTS)
        self.require_shapes(tuple(inputs_shape))
        return (*inputs_shape[:-1], self._width()), (inputs_shape[0], self._width())

    def compute_output_spec(self, inputs, padding_mask=None, training=None):
        self.require_shapes(inputs, padding_mask)
        return tuple(
            keras.KerasTensor(shape, dtype=self.compute_dtype)
            for shape in self.compute_output_shape(inputs.shape)
        )

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "cell": self.cell,
            "num_layers": self.num_layers,
            "bidirectional_layers": self.bidirectional_layers,
            "residual": self.residual,
            "normalize": self.normalize,
            "dropout": self.dropout,
            "use_bias": self.use_bias,
            "reset_after": self.reset_after,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "recurrent_initializer": keras.initializers.serialize(self.recurrent_initializer),
            "seed": self.seed,
        }
