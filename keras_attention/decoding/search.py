"""Greedy or beam search, whichever the options ask for."""

from keras_attention.decoding.beam_search import beam_search
from keras_attention.decoding.greedy_search import greedy_search
from keras_attention.search_options import GREEDY


def search(model, source_ids, options=GREEDY, return_alignment=False):
    """Decodes `source_ids` (B, S): see `greedy_search` and `beam_search`.

    Args:
        model: anything with the step contract.
        source_ids: (B, S) int32, padded with 0.
        options: a `SearchOptions`.
        return_alignment: whether to return the attention that chose each token.
    """
    if options.is_greedy:
        return greedy_search(
            model, source_ids, options.max_length, options.min_length, return_alignment
        )
    return beam_search(model, source_ids, **options.to_dict(), return_alignment=return_alignment)
