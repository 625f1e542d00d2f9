"""A recurrent decoder that attends: any Keras cell, any attention, one step or a whole sequence."""

import keras
from keras import ops

from keras_attention import masks
from keras_attention._validation import require
from keras_attention.graph import rnn_cells
from keras_attention.graph.matmul import matmul
from keras_attention.layers.layer import Layer
from keras_attention.layers.require_shapes import require_recurrent_shapes
from keras_attention.layers.run_steps import require_steps, run_steps


def _build(layer, *shapes):
    """Builds a part, unless it came built, as from a file."""
    if not layer.built:
        layer.build(*shapes)
        layer.built = True  # stock cells forget it


@keras.saving.register_keras_serializable(package="keras_attention")
class RecurrentDecoder(Layer):
    """A decoder composed of a recurrent cell, an attention layer and a readout layer.

    Step t reads the target token y_{t-1} and the last context, then attends with its new state:

        s_t = cell([y_{t-1}; c_{t-1}], s_{t-1})
        c_t, alpha_t = attention(query=s_t, value=h)
        output_t = readout([s_t; c_t; y_{t-1}])

    `RNNSearchDecoder` and `GNMTDecoder` do it in their papers' order. Only the recurrence runs step
    by step: the tokens' share of the gates and the readout are computed for all steps at once.

    State is passed in and returned. One step is

        constants = layer.constants(value, summary, value_mask)   # once for each source
        state = layer.initial_state(constants)
        features, alignment, state = layer.step(layer.prepare(token), state, constants)
        output = layer.read(features, token)

    and `call` runs the same steps over a whole target, for teacher forcing.

    A subclass that does the parts in another order overrides `step`, from `attend`, `run_cell` and
    `run_cells`, to which it hands on `training` and `matmul`. It may also override `inputs_of`, the
    widths that each cell reads, `query_width` and `bridged`, what the bridge reads.

    Args:
        cell: a Keras RNN cell, or a list of cells stacked on each other.
        attention: `AdditiveAttention`, `MultiplicativeAttention`, `MultiHeadAttention`, a subclass
            of these or of `BaseAttention`, or None: c_t is then the source's summary throughout.
        readout: layer of [s_t; c_t; y_{t-1}], or None: the output is s_t.
        bridge: layer from the summary to the first state (B, the sizes of all states), or None: the
            first state is zeros.

    Call arguments:
        inputs: embedded target tokens y_0 ... y_{T-1} (B, T, E).
        value: annotations of the source (B, S, W).
        summary: (B, W), as `RecurrentEncoder` returns it; needed by `bridge` and without attention.
        value_mask: boolean (B, S).
        return_attention_scores: whether to return the alignment too.
        training: whether dropout is applied.

    Returns:
        (B, T, R); with `return_attention_scores` also (B, T, S).

    Raises:
        ValueError: if `cell` is no RNN cell, the summary is missing, or an input has another rank.

    Example:

    >>> layer = RecurrentDecoder(
    ...     keras.layers.GRUCell(16), AdditiveAttention(8), keras.layers.Dense(10, "tanh")
    ... )
    >>> target, source = keras.random.normal((3, 5, 4)), keras.random.normal((3, 7, 12))
    >>> layer(target, source).shape
    (3, 5, 10)

    Reference: Luong, Pham & Manning 2015, section 3.3 (input feeding),
    https://arxiv.org/abs/1508.04025
    """

    def __init__(self, cell, attention=None, readout=None, bridge=None, **kwargs):
        super().__init__(**kwargs)
        stacked = cell.cells if isinstance(cell, keras.layers.StackedRNNCells) else cell
        self.cells = list(stacked) if isinstance(stacked, (list, tuple)) else [stacked]
        are_cells = [hasattr(x, "state_size") and hasattr(x, "output_size") for x in self.cells]
        require(all(are_cells or [False]), "cell", "a Keras RNN cell or a list of such", cell=cell)
        require_steps(attention)
        self.attention, self.readout, self.bridge = attention, readout, bridge
        self.supports_masking = True

    width_axes = {"inputs": "E", "value": "W"}

    def inputs_of(self, index, widths):
        """The widths of the parts that cell `index` reads; the first part of cell 0 is the token.

        Args:
            index: 0 for the lowest cell.
            widths: dict of the widths "token" and "context".
        """
        if index == 0:
            return [widths["token"], widths["context"]]
        return [self.cells[index - 1].output_size]

    def query_width(self):
        """The width of the query that attends."""
        return self.cells[-1].output_size

    def run_cell(self, index, parts, states, training=None, matmul=matmul):
        """Cell `index` on its inputs, side by side: output and new states.

        Args:
            index: 0 for the lowest cell.
            parts: list of tensors (B, ...); the first one of cell 0 is from `prepare`.
            states: list of the cell's states.
            training: whether the cell's own dropout is applied.
            matmul: the product to multiply by kernels with.
        """
        cell, projected, first = self.cells[index], None, 0
        if index == 0 and rnn_cells.is_split(cell):
            (projected, *parts), first = parts, self._token_width
        return rnn_cells.run(
            cell, parts, states, self.compute_dtype, projected, first, training, matmul
        )

    def run_cells(self, prepared, context, states, training=None, matmul=matmul):
        """All cells, each on the output of the one below: the last output and all states."""
        x, new_states = None, []
        for index in range(len(self.cells)):
            parts = [prepared, context] if index == 0 else [x]
            x, new = self.run_cell(index, parts, states[index], training, matmul=matmul)
            new_states.append(new)
        return x, new_states

    def attend(self, query, state, constants, training=None, matmul=matmul):
        """Context (B, C), alignment (B, S) and the attention's state for queries (B, D)."""
        if self.attention is None:
            return constants["summary"], constants["alignment"], state["attention"]
        source = [constants[name] for name in ("value", "projected_keys", "value_mask")]
        return self.attention.attend(query, *source, state["attention"], training, matmul=matmul)

    def constants(self, value, summary=None, value_mask=None):
        """The part of every step that depends on the source alone.

        Args:
            value: (B, S, W).
            summary: (B, W).
            value_mask: boolean (B, S).

        Returns:
            A structure of tensors with B rows.
        """
        require(
            summary is not None or (self.attention is not None and self.bridge is None),
            "summary",
            "given to a cell with a bridge or without attention",
            summary=summary,
        )
        if value_mask is None:
            value_mask = ops.ones(ops.shape(value)[:2], dtype="bool")
        value = ops.cast(value, self.compute_dtype)
        constants = {"value_mask": ops.cast(value_mask, "bool")}
        if summary is not None:
            constants["summary"] = ops.cast(summary, self.compute_dtype)
        if self.attention is None:
            constants["alignment"] = ops.zeros(ops.shape(value)[:2], dtype=self.compute_dtype)
        else:
            constants["projected_keys"] = self.attention.project_keys(value)
        constants["value"] = value
        return constants

    def initial_state(self, constants):
        """The state before the first step."""
        batch_size = ops.shape(constants["value_mask"])[0]
        if self.bridge is None:
            states = rnn_cells.zero_states(self.cells, batch_size, self.compute_dtype)
        else:
            flat = self.bridge(self.bridged(constants["summary"]))
            states = rnn_cells.split_states(self.cells, flat)
        if self.attention is None:
            return {"cells": states, "context": constants["summary"], "attention": {}}
        return {
            "cells": states,
            "context": ops.zeros((batch_size, self.context_width), self.compute_dtype),
            "attention": self.attention.initial_state(constants["value"]),
        }

    def bridged(self, summary):
        """The part of the summary (B, W) that `bridge` reads."""
        return summary

    def prepare(self, tokens):
        """The share of embedded tokens (..., E) that needs no recurrence."""
        if rnn_cells.is_split(self.cells[0]):
            return rnn_cells.project(self.cells[0], tokens, 0, self.compute_dtype)
        return ops.cast(tokens, self.compute_dtype)

    def step(self, prepared, state, constants, training=None, matmul=matmul):
        """One step.

        Args:
            prepared: (B, ...) from `prepare`.
            state: from `initial_state` or the step before.
            constants: from `constants`.
            training: whether dropout is applied.
            matmul: the product to multiply by kernels with; in training, one that keeps results.

        Returns:
            Features for `read`, alignment (B, S), and the new state.
        """
        context, cells = state["context"], state["cells"]
        x, states = self.run_cells(prepared, context, cells, training, matmul=matmul)
        context, alignment, attention = self.attend(x, state, constants, training, matmul=matmul)
        new_state = {"cells": states, "context": context, "attention": attention}
        return {"output": x, "context": context}, alignment, new_state

    def read(self, features, tokens):
        """The output (..., R) from the features and the embedded tokens (..., E) of any steps."""
        if self.readout is None:
            return features["output"]
        parts = [features["output"], features["context"], ops.cast(tokens, self.compute_dtype)]
        x = ops.concatenate(parts, axis=-1)
        if len(x.shape) == 3:
            return self.readout(x)
        return ops.squeeze(self.readout(ops.expand_dims(x, 0)), 0)  # it was built on sequences

    def build(self, inputs_shape, value_shape, summary_shape=None):
        self._token_width, self.context_width = inputs_shape[-1], value_shape[-1]
        if self.attention is not None:
            shapes = (None, None, self.query_width()), (None, None, value_shape[-1])
            _build(self.attention, *shapes)
            self.context_width = self.attention.compute_output_shape(*shapes)[-1]
        widths = {"token": self._token_width, "context": self.context_width}
        for index, cell in enumerate(self.cells):
            _build(cell, (None, sum(self.inputs_of(index, widths))))
        self._output_width = self.cells[-1].output_size
        if self.readout is not None:
            width = self._output_width + self.context_width + self._token_width
            _build(self.readout, (None, None, width))
            self._output_width = self.readout.compute_output_shape((None, None, width))[-1]
        if self.bridge is not None:
            summary = keras.KerasTensor((None, value_shape[-1]))
            _build(self.bridge, self.bridged(summary).shape)
        self.built = True

    def call(
        self,
        inputs,
        value,
        summary=None,
        value_mask=None,
        return_attention_scores=False,
        training=None,
    ):
        value_mask = masks.implicit_mask(value) if value_mask is None else value_mask
        given = inputs, value, summary, value_mask
        inputs = require_recurrent_shapes(self.known_sizes(), *given)
        constants = self.constants(value, summary, value_mask)
        tokens = ops.transpose(ops.cast(inputs, self.compute_dtype), (1, 0, 2))  # (T, B, E)
        found = run_steps(self, tokens, constants, return_attention_scores, training)
        output = ops.transpose(self.read(found["features"], tokens), (1, 0, 2))
        if not return_attention_scores:
            return output
        return output, ops.transpose(found["alignment"], (1, 0, 2))

    def compute_mask(self, inputs, mask=None):
        return mask[0] if isinstance(mask, (list, tuple)) else mask

    def compute_output_shape(self, inputs_shape, value_shape, summary_shape=None):
        shapes = (x and tuple(x) for x in (inputs_shape, value_shape, summary_shape))
        require_recurrent_shapes(self.known_sizes(), *shapes)
        return (*inputs_shape[:-1], self._output_width)

    def compute_output_spec(
        self, inputs, value, summary=None, value_mask=None, return_attention_scores=False, **kwargs
    ):
        require_recurrent_shapes(self.known_sizes(), inputs, value, summary, value_mask)
        output = keras.KerasTensor((*inputs.shape[:-1], self._output_width), self.compute_dtype)
        if not return_attention_scores:
            return output
        return output, keras.KerasTensor((*inputs.shape[:-1], value.shape[1]), self.compute_dtype)

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        parts = {name: getattr(self, name) for name in ("attention", "readout", "bridge")}
        return {
            **super().get_config(),
            "cell": [serialize(cell) for cell in self.cells],
            **{name: serialize(part) for name, part in parts.items()},
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        deserialize = keras.saving.deserialize_keras_object
        config["cell"] = [deserialize(cell) for cell in config["cell"]]
        for name in ("attention", "readout", "bridge"):
            config[name] = config[name] and deserialize(config[name])
        return cls(**config)
