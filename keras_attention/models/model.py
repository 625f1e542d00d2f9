"""The base class of every model: a functional `keras.Model` with the exact training step."""

import keras


class Model(keras.Model):
    """A functional model whose plain `fit` and `evaluate` normalise by tokens exactly.

    On the TensorFlow backend the loss of a step is the sum over all tokens divided by their count,
    over micro-batches and replicas alike, so that splitting a batch never changes the gradient: see
    `keras_attention.training.exact_step`. On other backends the stock step of Keras runs.
    """

    micro_batches = 1
    jit_gradients = False

    def compile(self, *args, micro_batches=1, **kwargs):
        """As `keras.Model.compile`.

        Args:
            micro_batches: into how many parts each batch is split, to save memory.
        """
        super().compile(*args, **kwargs)
        self.micro_batches = micro_batches

    def get_compile_config(self):
        config = super().get_compile_config()
        return config and {**config, "micro_batches": self.micro_batches}

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
