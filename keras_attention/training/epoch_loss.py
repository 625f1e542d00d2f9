"""The `loss` of the logs: a mean over all tokens of an epoch, not of batches. TensorFlow only."""

import keras


class EpochLoss(keras.metrics.Metric):
    """The loss of an epoch, whatever the batches that its rows came in.

    A loss counts by its tokens, regularization by rows. With several outputs Keras has a mean for
    each of them: then the loss is their weighted sum.

    Args:
        output_means: a function without arguments that returns a list of `(weight, mean)`: the
            means that Keras keeps of the losses of several outputs.
    """

    def __init__(self, output_means, name="loss"):
        super().__init__(name=name)
        self.output_means = output_means
        # Sums in float64: a training that goes on within an epoch has the same loss as one that
        # nothing interrupted, although replicas then add up in another order.
        self.loss = keras.metrics.Mean(name="loss", dtype="float64")
        self.regularization = keras.metrics.Mean(name="regularization", dtype="float64")

    def update_state(self, terms, regularization, rows):
        """Adds a batch.

        Args:
            terms: a list of `(weight, mean, count)`, one for each output with a loss.
            regularization: what the layers add to the loss, a scalar.
            rows: the number of rows of the batch.
        """
        outputs = self.output_means()
        if outputs:
            for (_, metric), (_, mean, count) in zip(outputs, terms, strict=True):
                metric.update_state(mean, sample_weight=count)
        else:
            for weight, mean, count in terms:
                self.loss.update_state(weight * mean, sample_weight=count)
        self.regularization.update_state(regularization, sample_weight=rows)

    def result(self):
        means = [
            weight * keras.ops.cast(metric.result(), "float32")
            for weight, metric in self.output_means()
        ]
        own = self.loss.result() + self.regularization.result()
        return sum(means, keras.ops.cast(own, "float32"))
