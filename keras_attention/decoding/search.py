"""Greedy or beam search, whichever the options ask for."""

from keras_attention.decoding.beam_search import beam_search
from keras_attention.decoding.greedy_search import greedy_search
from keras_attention.search_options import GREEDY


def search(model, source_ids, options=GREEDY, return_alignment=False, single_loop=False):
    """Decodes `source_ids` (B, S): see `greedy_search` and `beam_search`.

    Args:
        model: anything with the step contract.
        source_ids: (B, S) int32, padded with 0.
        options: a `SearchOptions`.
        return_alignment: whether to return the attention that chose each token.
        single_loop: see `search_loop`.
    """
    outputs = {"return_alignment": return_alignment, "single_loop": single_loop}
    if options.is_greedy:
        limits = {"max_length": options.max_length, "min_length": options.min_length}
        return greedy_search(model, source_ids, **limits, **outputs)
    return beam_search(model, source_ids, **options.to_dict(), **outputs)
