"""The loss that tells the second text of each pair from those of all other pairs in the batch."""

import keras
from keras import ops

from keras_attention import masks
from keras_attention._validation import require, require_positive_number, with_python_numbers
from keras_attention.graph.unit_length import unit_length

FILLER = 0  # the id of a text that only fills the batch


@keras.saving.register_keras_serializable(package="keras_attention")
class MultipleNegativesRanking(keras.losses.Loss):
    """Cross-entropy of which second text belongs to a first one, by cosine similarity.

    A batch holds the vectors of P pairs of texts, the two of a pair in neighbouring rows. The
    logits of a pair are `scale` times the cosine similarities of its first text with the second
    texts of all pairs; its own is the right one, the others are the negatives. A pair with the same
    first or the same second text as another one is no negative of that.

    The negatives of a pair are those of the whole batch, over all replicas of a
    `tf.distribute.MirroredStrategy` or `MultiWorkerMirroredStrategy`: the vectors are gathered, so
    that the loss and its gradient do not depend on the number of replicas. Micro-batches would take
    negatives away and are refused.

    Args:
        scale: factor on the cosine similarity, the inverse of a temperature.
        symmetric: whether the first text is to be told from those of all other pairs too; the loss
            is then the mean of both directions.

    Call arguments:
        y_true: (2P,) integers, the same for the same text, and 0 for rows that fill the batch.
        y_pred: (2P, D), vectors of any length: rows 2i and 2i + 1 are those of pair i.
        sample_weight: (2P,), 0 for rows that fill the batch.

    Raises:
        ValueError: if `scale` is not a number above 0, or `symmetric` is neither True nor False.

    Example:

    >>> loss = MultipleNegativesRanking()
    >>> vectors = np.array([[1, 0], [1, 0], [0, 1], [0, 1]], "float32")
    >>> float(loss(np.array([1, 2, 3, 4]), vectors)) < 1e-6
    True

    References: Henderson et al. 2017, "Efficient Natural Language Response Suggestion for Smart
    Reply", section 4.4, https://arxiv.org/abs/1705.00652; symmetric: Radford et al. 2021, "Learning
    Transferable Visual Models From Natural Language Supervision", section 2.3,
    https://arxiv.org/abs/2103.00020
    """

    @with_python_numbers
    def __init__(
        self,
        scale=20.0,
        symmetric=False,
        reduction="mean_with_sample_weight",
        name="multiple_negatives_ranking",
        **kwargs,
    ):
        super().__init__(reduction=reduction, name=name, **kwargs)
        require_positive_number("scale", scale)
        require(isinstance(symmetric, bool), "symmetric", "True or False", symmetric=symmetric)
        self.scale = scale
        self.symmetric = symmetric

    def call(self, y_true, y_pred):
        """The loss of every row (2P,): both rows of a pair have that of the pair."""
        rows = ops.shape(y_pred)[0]
        even = rows // 2 * 2  # one row alone stands in the place of none: see `exact_step`
        vectors = unit_length(ops.cast(y_pred, "float32"))[:even]
        vectors = ops.reshape(vectors, (-1, 2, y_pred.shape[-1]))
        ids = ops.reshape(ops.cast(y_true, "int32")[:even], (-1, 2))
        values = self._of_pairs(vectors, ids)
        values = ops.reshape(ops.stack([values, values], axis=1), (-1,))
        return ops.concatenate([values, ops.zeros((rows - even,), "float32")], axis=0)

    def _of_pairs(self, vectors, ids):
        """The loss of every pair (P,), of vectors (P, 2, D) and ids (P, 2)."""
        others, other_ids, offset = _of_all_replicas(vectors, ids)
        own = ops.arange(ops.shape(ids)[0], dtype="int32") + offset
        places = ops.arange(ops.shape(other_ids)[0], dtype="int32")
        is_own = ops.equal(ops.expand_dims(own, 1), ops.expand_dims(places, 0))
        same = ops.equal(ops.expand_dims(ids, 1), ops.expand_dims(other_ids, 0))  # (P, all, 2)
        is_filler = ops.expand_dims(ops.equal(other_ids[:, 0], FILLER), 0)
        is_left_out = ops.logical_or(ops.any(same, axis=-1), is_filler)
        is_left_out = ops.logical_and(is_left_out, ops.logical_not(is_own))
        right = self.scale * ops.sum(vectors[:, 0] * vectors[:, 1], axis=-1)

        def direction(first, second):
            logits = self.scale * ops.matmul(vectors[:, first], ops.transpose(others[:, second]))
            logits = ops.where(is_left_out, masks.fill_value("float32"), logits)
            return ops.logsumexp(logits, axis=-1) - right

        values = direction(0, 1)
        return (values + direction(1, 0)) / 2 if self.symmetric else values

    def get_config(self):
        return {**super().get_config(), "scale": self.scale, "symmetric": self.symmetric}


def _of_all_replicas(vectors, ids):
    """The vectors and ids of all replicas, one after the other, and where those given begin."""
    if keras.backend.backend() == "tensorflow":
        from keras_attention.training.distribution import gathered

        return gathered(vectors, ids)
    return vectors, ids, 0
