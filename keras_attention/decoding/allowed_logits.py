"""Which tokens may come next."""

import numpy as np
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
    # Added, not selected: to a product with constants the converters add it for nothing.
    never = np.zeros(logits.shape[-1], "float32")
    never[[PADDING_ID, START_ID]] = FORBIDDEN
    logits = ops.cast(logits, "float32") + never
    if min_length:
        end = np.zeros(logits.shape[-1], "float32")
        end[END_ID] = FORBIDDEN
        logits = logits + end * ops.cast(position < min_length, "float32")
    return logits
