"""The base class of every model: a functional `keras.Model` with the exact training step."""

import keras


class Model(keras.Model):
    """A functional model whose plain `fit` and `evaluate` normalise by tokens exactly.

    On the TensorFlow backend the loss of a step is the sum over all tokens divided by their count,
    over micro-batches and replicas alike, so that splitting a batch never changes the gradient: see
    `keras_attention.training.exact_step`. On other backends the stock step of Keras runs.
    """

    micro_batches = 1

    def compile(self, *args, micro_batches=1, **kwargs):
        """As `keras.Model.compile`.

        Args:
            micro_batches: into how many parts each batch is split, to save memory.
        """
        super().compile(*args, **kwargs)
        self.micro_batches = micro_batches

    if keras.backend.backend() == "tensorflow":

        def train_step(self, data):
            from keras_attention.training.exact_step import exact_train_step

            return exact_train_step(self, data)

        def test_step(self, data):
            from keras_attention.training.exact_step import exact_test_step

            return exact_test_step(self, data)
