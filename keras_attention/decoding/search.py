"""Greedy search, beam search or sampling, whichever the options ask for."""

from keras import ops

from keras_attention._validation import require
from keras_attention.decoding.beam_search import beam_search
from keras_attention.decoding.greedy_search import greedy_search
from keras_attention.decoding.sample import sample
from keras_attention.decoding.shortlisted import Shortlisted
from keras_attention.search_options import GREEDY


def search(
    model,
    inputs,
    options=GREEDY,
    return_alignment=False,
    single_loop=False,
    seed=None,
    shortlist=None,
    return_score=True,
    stops=(),
):
    """Generates from `inputs`: see `greedy_search`, `beam_search` and `sample`.

    Args:
        model: anything with the step contract.
        inputs: what the model starts from: a translator's source ids (B, S).
        options: a `SearchOptions` or a `SamplingOptions`.
        return_alignment: whether to return the attention that chose each token.
        single_loop: see `search_loop`.
        seed: integer or integers (B,), for sampling; 0 by default.
        shortlist: the `LexicalShortlist` that `options.shortlist` asks for.
        return_score: whether to return the scores, which greedy search alone can do without.
        stops: sequences of ids that end a row: see `greedy_search`.

    Raises:
        ValueError: if there is no shortlist, the model cannot do with it, or with `stops`, or
            scores are needed.
    """
    require(
        return_score or options.is_greedy,
        "return_score",
        "True for a beam, which compares scores, and for samples",
        return_score=return_score,
    )
    outputs = {"return_alignment": return_alignment, "single_loop": single_loop, "stops": stops}
    if options.is_sampling:
        return sample(model, inputs, 0 if seed is None else seed, **options.to_dict(), **outputs)
    values = options.to_dict()
    if values.pop("shortlist"):
        require(shortlist is not None, "shortlist", "a `LexicalShortlist`", shortlist=None)
        require(
            not stops, "stops", "none with a shortlist, whose tokens have other ids", stops=stops
        )
        model = Shortlisted(model, shortlist, inputs, least=2 * options.beam_size)
    if options.is_greedy:
        given = ("max_length", "min_length", "repetition_penalty")
        limits = {name: values[name] for name in given}
        found = greedy_search(model, inputs, **limits, **outputs, return_score=return_score)
    else:
        found = beam_search(model, inputs, **values, **outputs)
    if isinstance(model, Shortlisted):
        found = {**found, "token_ids": ops.take(model.token_ids, found["token_ids"], axis=0)}
    return found
