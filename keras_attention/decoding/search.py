"""Greedy search, beam search or sampling, whichever the options ask for."""

from keras_attention.decoding.beam_search import beam_search
from keras_attention.decoding.greedy_search import greedy_search
from keras_attention.decoding.sample import sample
from keras_attention.search_options import GREEDY


def search(model, inputs, options=GREEDY, return_alignment=False, single_loop=False, seed=None):
    """Generates from `inputs`: see `greedy_search`, `beam_search` and `sample`.

    Args:
        model: anything with the step contract.
        inputs: what the model starts from: a translator's source ids (B, S).
        options: a `SearchOptions` or a `SamplingOptions`.
        return_alignment: whether to return the attention that chose each token.
        single_loop: see `search_loop`.
        seed: integer or integers (B,), for sampling; 0 by default.
    """
    outputs = {"return_alignment": return_alignment, "single_loop": single_loop}
    if options.is_sampling:
        return sample(model, inputs, 0 if seed is None else seed, **options.to_dict(), **outputs)
    if options.is_greedy:
        limits = {"max_length": options.max_length, "min_length": options.min_length}
        return greedy_search(model, inputs, **limits, **outputs)
    return beam_search(model, inputs, **options.to_dict(), **outputs)
