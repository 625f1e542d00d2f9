"""Which tokens may come next."""

from keras import ops

from keras_attention.search_options import FORBIDDEN
from keras_attention.token_ids import END_ID, PADDING_ID, START_ID


def allowed_logits(logits, position, min_length=0):
    """Logits (rows, V) in float32 in which what may not come next can never win.

    That is PADDING and START, which no translation holds, and END before `min_length` tokens.

    Args:
        logits: (rows, V).
        position: scalar int32, how many tokens there are.
        min_length: integer, how many tokens come before END at least.
    """
    ids = ops.arange(logits.shape[-1], dtype="int32")
    forbidden = ops.logical_or(ids == PADDING_ID, ids == START_ID)
    if min_length:
        too_early = ops.logical_and(ids == END_ID, position < min_length)
        forbidden = ops.logical_or(forbidden, too_early)
    return ops.where(forbidden, ops.cast(FORBIDDEN, "float32"), ops.cast(logits, "float32"))
