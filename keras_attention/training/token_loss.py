"""The base class of losses that divide by the weights of tokens."""

import keras
from keras import ops

from keras_attention import masks
from keras_attention.layers.require_shapes import static_shape
from keras_attention.training.token_metrics import masked_weights, token_weights


class TokenLoss(keras.losses.Loss):
    """A loss that is the sum over tokens, divided by their number: never a mean of means.

    A subclass implements `call(y_true, y_pred)`, which returns the loss of every token (B, T). It
    may override `token_weights`, which says what each token counts. A mask that Keras attached to
    the predictions leaves out what it is False at, as in every loss of Keras.

    `fit` of `keras_attention.models.Model` divides by the weights of a whole batch, over
    micro-batches and replicas. Any loss of Keras with `reduction="mean_with_sample_weight"` is
    divided so too; this class adds weights that depend on the targets.

    >>> class SquaredError(TokenLoss):
    ...     def call(self, y_true, y_pred):
    ...         return keras.ops.square(y_true - y_pred)
    ...
    ...     def token_weights(self, y_true, sample_weight=None):
    ...         weights = super().token_weights(y_true, sample_weight)
    ...         return weights * keras.ops.cast(y_true >= 0, "float32")
    >>> targets = np.array([[1.0, -1.0]], "float32")  # -1 is no value
    >>> float(SquaredError()(targets, np.zeros((1, 2), "float32")))
    1.0
    """

    def token_weights(self, y_true, sample_weight=None):
        """float32 weights (B, T): `sample_weight` (B,) or (B, T), or 1."""
        return token_weights(y_true, sample_weight, ignore_class=None)

    def mean_and_count(self, y_true, y_pred, sample_weight=None):
        """The loss and the sum of the weights that divides it, both scalars.

        Raises:
            ValueError: if the predictions have a mask with other axes than the targets, or weights,
                targets and predictions do not belong together.
        """
        y_true = ops.convert_to_tensor(y_true)
        weights = ops.cast(self.token_weights(y_true, sample_weight), "float32")
        weights = masked_weights(weights, masks.implicit_mask(y_pred))
        values = self.call(y_true, ops.convert_to_tensor(y_pred))
        self._require_alike(static_shape(values), static_shape(weights))
        count = ops.sum(weights)
        total = ops.sum(values * weights)
        # A batch of padding alone has loss 0, not 0 / 0.
        return ops.divide_no_nan(total, count), count

    def _require_alike(self, values, weights):
        """Raises `ValueError` unless loss values and weights are known to be of one shape."""
        known = None not in (values, weights)
        if known and (
            len(values) != len(weights)
            or any(
                None not in pair and pair[0] != pair[1]
                for pair in zip(values, weights, strict=False)
            )
        ):
            raise ValueError(
                f"`call` of {type(self).__name__} must return a value for each weight of the "
                f"targets. Received: shape={values} for weights of shape={weights}"
            )

    def __call__(self, y_true, y_pred, sample_weight=None):
        return self.mean_and_count(y_true, y_pred, sample_weight)[0]
