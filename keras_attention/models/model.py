"""The base class of every model: a functional `keras.Model` with the exact training step."""

import functools
import weakref

import keras

from keras_attention._validation import with_python_numbers
from keras_attention.graph.checked_ids import narrowed
from keras_attention.keras_private import call_of
from keras_attention.layers.enable_lora import enable_lora
from keras_attention.layers.layer import (
    frozen_config,
    lora_config,
    refuse_to_quantize,
    restore_frozen,
    restore_lora,
)
from keras_attention.layers.output_projection import output_projection
from keras_attention.layers.require_shapes import require_shapes, sizes_fit
from keras_attention.models.refuse_unknown import refuse_unknown
from keras_attention.training.exact_training import ExactTraining

# Of each model that has been asked for it, the part before its output projection.
BODIES = weakref.WeakKeyDictionary()


def _with_parts(get_config):
    """`get_config` of a class, which also says where adapters are and what is frozen. Layers of a
    model made by a class have no config of their own in its file."""

    @functools.wraps(get_config)
    def config_with_parts(self):
        return {**get_config(self), **lora_config(self), **frozen_config(self)}

    return config_with_parts


@keras.saving.register_keras_serializable(package="keras_attention")
class Model(ExactTraining, keras.Model):
    """A functional model whose plain `fit` and `evaluate` normalise by tokens exactly.

    On the TensorFlow backend the loss of a step is the sum over all tokens divided by their count,
    over micro-batches and replicas alike, so that splitting a batch never changes the gradient: see
    `keras_attention.training.exact_step`. Make and compile the model in the scope of a
    `tf.distribute.MirroredStrategy` or `MultiWorkerMirroredStrategy` to train it on many devices.
    On other backends the stock step of Keras runs.
    """

    input_axes = {}  # the axes of each input, as `require_shapes` takes them
    optional_inputs = ()  # names of inputs that may be left out, or None

    def __init__(self, *args, lora=None, frozen=None, **kwargs):
        refuse_unknown(type(self), kwargs)
        dtype = kwargs.pop("dtype", None)
        super().__init__(*args, **kwargs)
        if dtype is not None:  # which Keras would drop
            self.dtype_policy = dtype
        if lora is not None:  # from the config of a model with adapters
            restore_lora(self, lora)
        if frozen is not None:
            restore_frozen(self, frozen)

    def enable_lora(self, rank, lora_alpha=None, a_initializer="he_uniform", b_initializer="zeros"):
        """Freezes the model and adds adapters of LoRA: see `keras_attention.layers.enable_lora`.

        Of a model with a head on an encoder it freezes and adapts the encoder alone.
        """
        enable_lora(self, rank, lora_alpha, a_initializer, b_initializer)

    def __call__(self, inputs, *args, **kwargs):
        return super().__call__(self._with_optional(inputs), *args, **kwargs)

    def _with_optional(self, inputs):
        """A dict of inputs with None for those that are left out: Keras asks for every name."""
        if not (self.optional_inputs and isinstance(inputs, dict)):
            return inputs
        return {**dict.fromkeys(self.optional_inputs), **inputs}

    def call(self, inputs, training=None, mask=None):
        inputs = self._with_optional(inputs)  # JAX' step comes here without `__call__`
        if not self.input_axes:
            return super().call(inputs, training=training, mask=mask)
        inputs = self._require_inputs(inputs)
        if isinstance(inputs, dict):
            axes = self.input_axes
            inputs = {
                n: narrowed(x) if n in axes and x is not None else x for n, x in inputs.items()
            }
        # That the inputs fit says the same of all that the layers make of them.
        with sizes_fit():
            return super().call(inputs, training=training, mask=mask)

    def projected_logits(self, inputs, training=None):
        """The logits of a call as what they come from, so that a training step need not hold them.

        For a model with one output (B, T, V) that is made by an output projection: see
        `keras_attention.layers.output_projection`. With `LabelSmoothedCrossEntropy`, and no
        metrics but `TokenAccuracy` and `Perplexity`, a step computes loss and metrics from this
        (`keras_attention.training.linear_cross_entropy`). A subclass whose last step is another may
        override it. One that only overrides `call` is always asked for its logits.

        Args:
            inputs: as the model is called with.
            training: whether the model is trained.

        Returns:
            Hidden states (B, T, D), with the mask that the logits would have; and an
            `OutputProjection`. None for a model that is made in another way.
        """
        found = self.before_projection()
        if found is None:
            return None
        hidden, finish = found
        if self not in BODIES:
            BODIES[self] = self.with_outputs(hidden)
        return finish(BODIES[self](inputs, training=training), inputs)

    def before_projection(self):
        """Where `projected_logits` leaves the graph.

        Returns:
            The symbolic tensor that it computes, and a function of its value and of the inputs that
            returns the rest. None for a model whose logits are made in another way.
        """
        if not isinstance(self.output, keras.KerasTensor):
            return None
        layer, tensors, options = call_of(self.output)
        projection = output_projection(layer, bool(options.get("reverse")))
        if projection is None:
            return None
        (hidden,) = tensors
        reverse = bool(options.get("reverse"))
        return hidden, lambda value, inputs: (value, output_projection(layer, reverse))

    def with_outputs(self, outputs):
        """A model of the same inputs and layers with other outputs: tensors of its graph."""
        made = Model(self.input, outputs, name=f"{self.name}_body")
        made.input_axes, made.dtype_policy = self.input_axes, self.dtype_policy
        made.optional_inputs = self.optional_inputs
        return made

    def compute_output_spec(self, inputs, training=None, mask=None):
        inputs = self._with_optional(inputs)
        self._require_inputs(inputs)
        if isinstance(inputs, dict):  # of the outputs' shapes they change nothing
            axes, given = self.input_axes, {n: x for n, x in inputs.items() if x is not None}
            alike = {axes.get(name): x for name, x in given.items()}
            inputs = {n: alike.get(axes.get(n)) if x is None else x for n, x in inputs.items()}
        return super().compute_output_spec(inputs, training=training, mask=mask)

    def _require_inputs(self, inputs):
        """Refuses inputs that the graph would broadcast, such as one row of `segment_ids`.

        Keras would squeeze a last axis of 1, of which nothing says that it is not the tokens'.

        Returns:
            The inputs; in a graph, what is made of them waits for the assertion of their sizes.
        """
        self._require_dict(inputs)
        given = inputs
        if isinstance(inputs, (list, tuple)):  # in the order of the inputs of the graph
            given = dict(zip((x.name for x in self.inputs), inputs, strict=False))
        elif not isinstance(inputs, dict):
            return inputs
        given = {n: given[n] for n in self.input_axes if given.get(n) is not None}
        if not given:
            return inputs
        waiting = require_shapes(**{name: (x, self.input_axes[name]) for name, x in given.items()})
        first = next(iter(given))
        if isinstance(inputs, dict):
            return {**inputs, first: waiting}
        return type(inputs)(waiting if x is given[first] else x for x in inputs)

    def _require_dict(self, inputs):
        """Refuses a list: Keras would take its members for the inputs in the order of names."""
        if self.input_axes and isinstance(inputs, (list, tuple)) and isinstance(self.input, dict):
            raise ValueError(
                f"`inputs` must be a dict of {', '.join(self.input)}. "
                f"Received: a {type(inputs).__name__} of {len(inputs)}"
            )

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            cls.__init__ = with_python_numbers(cls.__init__)
        if "get_config" in vars(cls):
            cls.get_config = _with_parts(cls.get_config)

    def quantize(self, mode=None, config=None, filters=None, **kwargs):
        """Refused by models that are made of this package's layers; otherwise as in Keras."""
        if type(self) is not Model:
            refuse_to_quantize(type(self).__name__, mode)
        super().quantize(mode, config=config, filters=filters, **kwargs)
