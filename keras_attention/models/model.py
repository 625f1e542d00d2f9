"""The base class of every model: a functional `keras.Model` with the exact training step."""

import keras

from keras_attention.keras_private import FirstBatch
from keras_attention.layers.require_shapes import require_shapes


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
    input_axes = {}  # the axes of each input, as `require_shapes` takes them

    def call(self, inputs, training=None, mask=None):
        self._require_inputs(inputs)
        return super().call(inputs, training=training, mask=mask)

    def compute_output_spec(self, inputs, training=None, mask=None):
        self._require_inputs(inputs)
        return super().compute_output_spec(inputs, training=training, mask=mask)

    def _require_inputs(self, inputs):
        """Refuses inputs that the graph would broadcast, such as one row of `segment_ids`."""
        given = inputs if isinstance(inputs, dict) else {}
        known = {name: given.get(name) for name in self.input_axes}
        require_shapes(
            **{
                name: (tensor, self.input_axes[name])
                for name, tensor in known.items()
                if tensor is not None and len(tensor.shape) == 2  # other ranks are Keras' affair
            }
        )

    def compile(self, *args, micro_batches=1, jit_gradients=False, **kwargs):
        """As `keras.Model.compile`.

        Args:
            micro_batches: into how many parts each batch is split, to save memory.
            jit_gradients: whether XLA compiles the forward and backward pass alone. Under a
                strategy of several replicas it is what takes the place of `jit_compile`.

        Raises:
            ValueError: if Keras cannot do something under the model's strategy.
        """
        super().compile(*args, **kwargs)
        self.micro_batches = micro_batches
        self.jit_gradients = jit_gradients
        if keras.backend.backend() == "tensorflow":
            from keras_attention.training.distribution import require_supported

            require_supported(self)

    def get_compile_config(self):
        config = super().get_compile_config()
        return config and {
            **config,
            "micro_batches": self.micro_batches,
            "jit_gradients": self.jit_gradients,
        }

    def compile_from_config(self, config):
        # The stock method compiles no model whose class has a `compile` of its own.
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.optimizer is not None and self.built:
            self.optimizer.build(self.trainable_variables)

    if keras.backend.backend() == "tensorflow":

        def train_step(self, data):
            from keras_attention.training.exact_step import exact_train_step

            return exact_train_step(self, data)

        def test_step(self, data):
            from keras_attention.training.exact_step import exact_test_step

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
