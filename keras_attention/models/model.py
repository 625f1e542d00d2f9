"""The base class of every model: a functional `keras.Model` with the exact training step."""

import weakref

import keras

from keras_attention._validation import require, with_python_numbers
from keras_attention.graph.checked_ids import narrowed
from keras_attention.keras_private import (
    FirstBatch,
    call_of,
    clone_being_made,
    computing_layers,
    output_means,
    set_loss_metric,
)
from keras_attention.layers.layer import refuse_to_quantize
from keras_attention.layers.output_projection import output_projection
from keras_attention.layers.require_shapes import require_shapes, sizes_fit
from keras_attention.models.refuse_unknown import refuse_unknown

# Of each model that has been asked for it, the part before its output projection.
BODIES = weakref.WeakKeyDictionary()


@keras.saving.register_keras_serializable(package="keras_attention")
class Model(FirstBatch, keras.Model):
    """A functional model whose plain `fit` and `evaluate` normalise by tokens exactly.

    On the TensorFlow backend the loss of a step is the sum over all tokens divided by their count,
    over micro-batches and replicas alike, so that splitting a batch never changes the gradient: see
    `keras_attention.training.exact_step`. Make and compile the model in the scope of a
    `tf.distribute.MirroredStrategy` or `MultiWorkerMirroredStrategy` to train it on many devices.
    On other backends the stock step of Keras runs.
    """

    micro_batches = 1
    jit_gradients = False
    auto_scale_loss = True
    input_axes = {}  # the axes of each input, as `require_shapes` takes them

    def __init__(self, *args, **kwargs):
        refuse_unknown(type(self), kwargs)
        dtype = kwargs.pop("dtype", None)
        super().__init__(*args, **kwargs)
        if dtype is not None:  # which Keras would drop
            self.dtype_policy = dtype

    def call(self, inputs, training=None, mask=None):
        if not self.input_axes:
            return super().call(inputs, training=training, mask=mask)
        self._require_inputs(inputs)
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
        if not isinstance(self.output, keras.KerasTensor):
            return None
        layer, tensors, options = call_of(self.output)
        projection = output_projection(layer, bool(options.get("reverse")))
        if projection is None:
            return None
        if self not in BODIES:
            (hidden,) = tensors
            body = BODIES[self] = Model(self.input, hidden, name=f"{self.name}_body")
            body.input_axes, body.dtype_policy = self.input_axes, self.dtype_policy
        return BODIES[self](inputs, training=training), projection

    def compute_output_spec(self, inputs, training=None, mask=None):
        self._require_inputs(inputs)
        return super().compute_output_spec(inputs, training=training, mask=mask)

    def _require_inputs(self, inputs):
        """Refuses inputs that the graph would broadcast, such as one row of `segment_ids`.

        Keras would squeeze a last axis of 1, of which nothing says that it is not the tokens'.
        """
        self._require_dict(inputs)
        given = inputs
        if isinstance(inputs, (list, tuple)):  # in the order of the inputs of the graph
            given = dict(zip((x.name for x in self.inputs), inputs, strict=False))
        elif not isinstance(inputs, dict):
            return
        require_shapes(
            **{
                name: (given[name], axes)
                for name, axes in self.input_axes.items()
                if given.get(name) is not None
            }
        )

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

    def compile(self, *args, micro_batches=1, jit_gradients=False, auto_scale_loss=True, **kwargs):
        """As `keras.Model.compile`.

        Args:
            micro_batches: into how many parts each batch is split, to save memory. With more than
                one, the loss of a row must depend on this row alone.
            jit_gradients: whether XLA compiles the forward and backward pass alone. Under a
                strategy of several replicas it is what takes the place of `jit_compile`.
            auto_scale_loss: whether a `LossScaleOptimizer` goes around the optimizer if a layer of
                the model computes in mixed_float16, by the global policy or by `dtype=`.

        Raises:
            ValueError: if Keras cannot do something under the model's strategy, or the model has a
                `compute_loss` of its own and `micro_batches` above 1.
        """
        require(
            micro_batches == 1 or not self._has_own_loss(),
            "micro_batches",
            "1 for a model with a `compute_loss` of its own",
            micro_batches=micro_batches,
        )
        super().compile(*args, auto_scale_loss=auto_scale_loss, **kwargs)
        if auto_scale_loss and self._needs_loss_scaling():
            self.optimizer = keras.optimizers.LossScaleOptimizer(
                self.optimizer, name="loss_scale_optimizer"
            )
        self.micro_batches = micro_batches
        self.jit_gradients = jit_gradients
        self.auto_scale_loss = auto_scale_loss
        if keras.backend.backend() == "tensorflow":
            from keras_attention.training.distribution import require_supported
            from keras_attention.training.epoch_loss import EpochLoss

            require_supported(self)
            if not self._has_own_loss():
                set_loss_metric(self, EpochLoss(lambda: output_means(self)))

    def _needs_loss_scaling(self):
        """Whether gradients would underflow. Keras asks the policy of the model alone, which
        `dtype=` of its layers does not change."""
        optimizer = self.optimizer
        if optimizer is None or isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
            return False
        return any(layer.dtype_policy.name == "mixed_float16" for layer in computing_layers(self))

    def _has_own_loss(self):
        """Whether a subclass has a `compute_loss` of its own. The stock step calls it."""
        return type(self).compute_loss is not keras.Model.compute_loss

    def get_compile_config(self):
        config, clone = super().get_compile_config(), clone_being_made()
        own = {"micro_batches": 1, "jit_gradients": False, "auto_scale_loss": True}
        if clone is not None and not isinstance(clone, Model):
            own = {"auto_scale_loss": True}  # a stock model, whose `compile` knows no other
        own = {name: getattr(self, name) for name in own if getattr(self, name) != own[name]}
        return config and {**config, **own}

    def compile_from_config(self, config):
        # The stock method compiles no model whose class has a `compile` of its own.
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.optimizer is not None and self.built:
            self.optimizer.build(self.trainable_variables)

    def quantize(self, mode=None, config=None, filters=None, **kwargs):
        """Refused by models that are made of this package's layers; otherwise as in Keras."""
        if type(self) is not Model:
            refuse_to_quantize(type(self).__name__, mode)
        super().quantize(mode, config=config, filters=filters, **kwargs)

    if keras.backend.backend() == "tensorflow":

        def train_step(self, data):
            from keras_attention.training.exact_step import exact_train_step

            if self._has_own_loss():
                return super().train_step(data)
            return exact_train_step(self, data)

        def test_step(self, data):
            from keras_attention.training.exact_step import exact_test_step

            if self._has_own_loss():
                return super().test_step(data)
            return exact_test_step(self, data)

        def make_train_function(self, force=False):
            from keras_attention.training import distribution

            if self.optimizer is not None and not self.optimizer.built:
                # Keras would make its variables in the first step, and trace the step once more.
                with self.distribute_strategy.scope():
                    self.optimizer.build(self.trainable_variables)
            if not distribution.is_multi_worker(self.distribute_strategy):
                return super().make_train_function(force)
            if self.train_function is None or force:
                self.train_function = distribution.multi_worker_function(self, self.train_step)
            return self.train_function

        def make_test_function(self, force=False):
            from keras_attention.training import distribution

            if not distribution.is_multi_worker(self.distribute_strategy):
                return super().make_test_function(force)
            if self.test_function is None or force:
                self.test_function = distribution.multi_worker_function(self, self.test_step)
            return self.test_function

        def build_from_first_batch(self, iterator):
            from keras_attention.training import distribution

            if not distribution.takes_batches_apart(self.distribute_strategy):
                return False
            distribution.build_from_iterator(self, iterator)
            return True
