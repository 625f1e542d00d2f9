"""Which tokens may come next."""

import numpy as np
from keras import ops

from keras_attention.search_options import FORBIDDEN


def allowed_logits(logits, position, forbidden_ids, end_ids=(), min_length=0):
    """Logits (R, V) in float32 in which a token that may not come next can never win.

    Args:
        logits: (R, V).
        position: scalar int32, how many tokens there are.
        forbidden_ids: the tokens that are never generated.
        end_ids: the tokens that end a sequence.
        min_length: integer, the tokens that come before an end at least.
    """
    # Added, not selected: to a product with constants the converters add it for nothing.
    logits = ops.cast(logits, "float32")
    if len(forbidden_ids):
        logits = logits + _forbidding(logits.shape[-1], forbidden_ids)
    if min_length and len(end_ids):
        end = _forbidding(logits.shape[-1], end_ids)
        logits = logits + end * ops.cast(position < min_length, "float32")
    return logits


def _forbidding(size, token_ids):
    """What takes `token_ids` out of `size` logits when it is added to them."""
    addend = np.zeros(size, "float32")
    addend[list(token_ids)] = FORBIDDEN
    return addend
