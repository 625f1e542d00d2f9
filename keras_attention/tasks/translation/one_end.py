"""One end for all: what a model that ends on several ids gives to its tokenizer."""

from keras import ops

from keras_attention.decoding.next_tokens import is_end


def one_end(found, special_ids, end):
    """The outputs of a search, with the tokenizer's end in the place of every other one.

    A tokenizer ends its texts with one id, and so do the programs that read an artifact's ids. A
    model may end on others too, which are words to these.

    Args:
        found: dict of the outputs of a search.
        special_ids: the model's `SpecialIds`.
        end: the tokenizer's end, one of the model's; None leaves all as they are.

    >>> one_end({"token_ids": [[5, 7, 0]]}, SpecialIds(end=(3, 7)), 3)["token_ids"]
    [[5, 3, 0]]
    """
    others = [token_id for token_id in special_ids.ends if token_id != end]
    if end is None or not others:
        return found
    token_ids = found["token_ids"]
    return {**found, "token_ids": ops.where(is_end(token_ids, others), end, token_ids)}
