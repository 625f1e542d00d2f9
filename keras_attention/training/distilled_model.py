"""A student or a teacher as `Distiller` reads it: outputs and hidden states in one pass."""

import contextlib

import keras

from keras_attention import masks
from keras_attention._validation import require
from keras_attention.keras_private import call_of, graph_of
from keras_attention.training.exact_training import ExactTraining
from keras_attention.training.projected_terms import gives_projection


@contextlib.contextmanager
def _noted_outputs(operation):
    """A list that gets what an operation of a graph returns, whenever it is called in the block."""
    noted, call = [], operation.call

    def noting_call(*args, **kwargs):
        noted.append(call(*args, **kwargs))
        return noted[-1]

    operation.call = noting_call
    try:
        yield noted
    finally:
        del operation.call  # the method of its class is there again


class DistilledModel:
    """What a model gives for its inputs: its logits, and the hidden states before them.

    It is no layer: whoever holds it does not hold the model's weights.

    A subclass with a `call` of its own is called, and its hidden states are what the layer at the
    end of its encoder returns meanwhile. Any other model is its graph.

    Args:
        model: a built `keras.Model` of one output, or with an output called "logits".
        argument: what the model is, "student" or "teacher", for messages.
        layer: name of the layer whose output are the hidden states (B, ..., D); None for those of
            the encoder of this package's models.
        has_hidden: whether hidden states are read.

    Attributes:
        width: D; None without hidden states.
        logits: the spec of the logits (B, ..., C).

    Raises:
        ValueError: if the model is not such a one, or its hidden states are unknown.
    """

    def __init__(self, model, argument, layer=None, has_hidden=True):
        is_model = isinstance(model, keras.Model)
        require(is_model, argument, "a keras.Model", **{argument: type(model).__name__})
        graph = graph_of(model)
        require(
            model.built and (graph is not None or not has_hidden),
            argument,
            "built, and functional or sequential where its hidden states are read",
            **{argument: type(model).__name__, "built": model.built},
        )
        self.model = model
        self._is_own = isinstance(model, ExactTraining)
        self._inputs, outputs = (None, None) if graph is None else graph
        self._picks_logits = isinstance(outputs, dict) and "logits" in outputs
        self.logits = outputs["logits"] if self._picks_logits else outputs
        require(
            graph is None or isinstance(self.logits, keras.KerasTensor),
            argument,
            "a model of one output",
            outputs=sorted(outputs) if isinstance(outputs, dict) else type(outputs).__name__,
        )
        self._hidden = self._hidden_states(argument, layer) if has_hidden else None
        self.width = None if self._hidden is None else self._hidden.shape[-1]
        self._with_hidden = self._of_graph([self.logits, self._hidden]) if has_hidden else None
        self._is_graph = has_hidden and self._calls_its_graph()
        found = None
        if self._is_own and gives_projection(model, "before_projection"):
            found = model.before_projection()
        self.can_project = found is not None
        if self.can_project:
            before, self._finish = found
            tensors = [before] if self._hidden is None else [before, self._hidden]
            self._before = self._of_graph(tensors)

    def _hidden_states(self, argument, layer):
        if layer is not None:
            return self.model.get_layer(layer).output
        found = self.model.hidden_states() if self._is_own else None
        require(
            found is not None,
            "hidden_layers",
            "the names of two layers, of the student and of the teacher, or `weights` without "
            f"hidden states: which are those of the {argument} is not known",
            **{argument: type(self.model).__name__},
        )
        return found

    def _calls_its_graph(self):
        """Whether a call of the model is what its graph says, not a `call` of a subclass's own."""
        if self._is_own:
            return gives_projection(self.model, "hidden_states")
        kinds = type(self._with_hidden), keras.Sequential
        own = type(self.model)
        return any((own.call, own.__call__) == (kind.call, kind.__call__) for kind in kinds)

    def _of_graph(self, tensors):
        """A model of the same inputs and layers that returns a list of tensors of its graph."""
        if self._is_own:
            return self.model.with_outputs(tensors)
        return keras.Model(self._inputs, tensors)

    def _given(self, inputs):
        """The inputs with None for optional ones that are left out, as a graph takes them."""
        if isinstance(inputs, dict) and isinstance(self._inputs, dict):
            return {name: inputs.get(name) for name in self._inputs}
        return inputs

    def outputs(self, inputs, training):
        """The logits (B, ..., C), and the hidden states (B, ..., D) or None."""
        if self._is_graph:
            return tuple(self._with_hidden(self._given(inputs), training=training))
        noted = [None]
        if self._hidden is None:
            found = self.model(inputs, training=training)
        else:
            layer, _, _ = call_of(self._hidden)
            with _noted_outputs(layer) as noted:
                found = self.model(inputs, training=training)
            if not noted:
                raise ValueError(
                    f"`call` of a {type(self.model).__name__} must call the layer {layer.name!r}, "
                    "whose output are its hidden states; or give `weights` without hidden states."
                )
        return (found["logits"] if self._picks_logits else found), noted[-1]

    def projected(self, inputs, training):
        """As `outputs`, with `(rows, OutputProjection)` in the place of logits.

        For a model that `can_project`: see `projected_logits` of `keras_attention.models.Model`.
        """
        inputs = self._given(inputs)
        before, *hidden = self._before(inputs, training=training)
        return self._finish(before, inputs), hidden[0] if hidden else None

    def token_mask(self, inputs, hidden):
        """True (B, T) at tokens and False at padding; None where nothing says so.

        Args:
            inputs: of the model; `"padding_mask"` in a dict of them is 0 at padding.
            hidden: a tensor (B, T, D), which may have a mask of Keras.
        """
        if isinstance(inputs, dict) and inputs.get("padding_mask") is not None:
            return keras.ops.not_equal(inputs["padding_mask"], 0)
        return None if hidden is None else masks.implicit_mask(hidden)


def require_same_outputs(student, teacher):
    """Raises `ValueError` unless two `DistilledModel`s have the same outputs, where they say so."""
    shapes = [None if x.logits is None else tuple(x.logits.shape) for x in (student, teacher)]
    require(
        None in shapes or (len(shapes[0]) == len(shapes[1]) and shapes[0][-1] == shapes[1][-1]),
        "teacher",
        "a model of the student's outputs: as many classes, or tokens of the vocabulary",
        teacher=shapes[1],
        student=shapes[0],
    )
