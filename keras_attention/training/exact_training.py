"""What lets a Keras model train by the exact step: a mixin of `keras.Model`."""

import keras

from keras_attention._validation import require
from keras_attention.keras_private import (
    FirstBatch,
    clone_being_made,
    computing_layers,
    output_means,
    set_loss_metric,
)
from keras_attention.problem_types import SINGLE_LABEL
from keras_attention.training.loss_terms import loss_terms
from keras_attention.training.projected_terms import projected_terms


class ExactTraining(FirstBatch):
    """A mixin whose `fit` and `evaluate` normalise by tokens exactly: see `exact_step`.

    It stands before `keras.Model` among the bases. On other backends than TensorFlow the stock step
    of Keras runs.

    Attributes:
        problem_type: what the logits mean: one of `keras_attention.problem_types`.
    """

    micro_batches = 1
    jit_gradients = False
    auto_scale_loss = True
    problem_type = SINGLE_LABEL

    def projected_logits(self, inputs, training=None):
        """What the logits come from: see `keras_attention.models.Model`. None if it is unknown."""
        return None

    def before_projection(self):
        """The same symbolically: see `keras_attention.models.Model`. None if it is unknown."""
        return None

    def hidden_states(self):
        """The last hidden states (B, T, D) of the graph, symbolic. None where there are none."""
        return None

    def step_terms(self, part, rows, training, eagerly=None):
        """The losses of a part of a batch, as the exact step adds them up.

        Args:
            part: `(x, y, sample_weight)`.
            rows: the number of rows of the part.
            training: whether the model is trained by this step.
            eagerly: that of `loss_terms`.

        Returns:
            A list of `(weight, mean, count)`, and what metrics read: the outputs, or `TokenScores`.
        """
        found = projected_terms(self, part, rows, training)
        if found is None:
            y_pred = self(part[0], training=training)
            found = loss_terms(self, part, rows, y_pred, eagerly), y_pred
        return found

    def loss_means(self):
        """What the "loss" of the logs is the sum of, a list of `(weight, metric)`, in the order of
        `step_terms`; empty where one loss is all."""
        return output_means(self)

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
                set_loss_metric(self, EpochLoss(lambda: self.loss_means()))

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
        if clone is not None and not isinstance(clone, ExactTraining):
            own = {"auto_scale_loss": True}  # a stock model, whose `compile` knows no other
        own = {name: getattr(self, name) for name in own if getattr(self, name) != own[name]}
        return config and {**config, **own}

    def compile_from_config(self, config):
        # The stock method compiles no model whose class has a `compile` of its own.
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.optimizer is not None and self.built:
            self.optimizer.build(self.trainable_variables)

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
