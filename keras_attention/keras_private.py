"""The private names of Keras that this package needs, all of them, each with the reason.

Pinned to Keras 3.15 (`keras>=3.15,<3.16` in setup.cfg): look at each of them when that moves.
`tests/test_import_direction.py` finds private names read elsewhere.
"""

import contextlib


def mask_of(tensor):
    """The mask that a layer left on its output, or None.

    Keras hands it to `call` only under names of its own choice, `mask` or `<argument>_mask`.
    """
    return getattr(tensor, "_keras_mask", None)


def leave_mask(tensor, mask):
    """Leaves a mask on the output of a layer whose `compute_mask` cannot know it.

    `compute_mask` is given the first argument of a call alone. JAX's arrays take no attributes: on
    them there are no masks to be found either.
    """
    with contextlib.suppress(AttributeError):
        tensor._keras_mask = mask


def takes_training(layer):
    """Whether `layer` may be called with `training`, as `keras.layers.RNN` asks its cell."""
    return layer._call_has_training_arg


def set_dropout_mask(cell, mask):
    """Makes a stock RNN cell drop its inputs by `mask`.

    The cell has a method that draws a mask and one that forgets it, and none that takes one.
    """
    cell._dropout_mask = mask


def set_recurrent_dropout_mask(cell, mask):
    """Makes a stock RNN cell drop its states by `mask`: see `set_dropout_mask`."""
    cell._recurrent_dropout_mask = mask


def variable_index(optimizer, variable):
    """Where `variable` stands among those that an optimizer was built with.

    `update_step` is given a variable and not its index.
    """
    return optimizer._get_variable_index(variable)


def has_unbuilt_metrics(model):
    """Whether a compiled model has metrics that have not seen a batch: `fit` builds them first."""
    metrics = model._compile_metrics
    return metrics is not None and not metrics.built


def build_symbolically(model, batch):
    """Builds the metrics and the optimizer of a compiled model by the shapes of a batch.

    `fit` does so by its first batch, read in a way that fails under `tf.distribute` where parts of
    a batch differ in size.
    """
    model._symbolic_build(data_batch=batch)


class FirstBatch:
    """A mixin of `keras.Model` whose subclass may read the first batch of `fit` itself.

    It stands before `keras.Model` among the bases. Keras reads that batch in a private method.
    """

    def build_from_first_batch(self, iterator):
        """Builds the metrics and the optimizer from an iterator, or returns False to leave that to
        Keras."""
        return False

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        if iterator is None or not self.build_from_first_batch(iterator):
            super()._maybe_symbolic_build(iterator, data_batch)
