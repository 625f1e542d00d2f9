"""Searches among the tokens of a shortlist: what they may choose, and what they leave alone."""

import keras
import numpy as np
import pytest

from keras_attention.decoding import SearchOptions, search
from keras_attention.models import RNNTranslator, TransformerTranslator
from keras_attention.text.tokenizers.lexical_shortlist import LexicalShortlist
from keras_attention.token_ids import SpecialIds
from tests.backend import to_numpy

V = 40
RNG = np.random.default_rng(3)
SOURCE = RNG.integers(4, V, (4, 7)).astype("int32")
SOURCE[1, 5:] = SOURCE[2, 1:] = 0
EVERYTHING = LexicalShortlist(np.tile(np.arange(V), (V, 1)), np.arange(V))
FEW = LexicalShortlist(RNG.integers(4, V, (V, 3)), RNG.integers(4, V, 2))
# Fewer tokens than a beam looks at, and most of these are no words.
SPECIAL = LexicalShortlist(np.tile(np.arange(4), (V, 1)), np.array([5]))
BEAM = dict(beam_size=3, length_penalty=0.6, coverage_penalty=0.1, n_best=2)
OTHER_IDS = dict(special_ids=SpecialIds(padding=0, unknown=5, start=9, end=(7, 3)))


def transformer(**options):
    keras.utils.set_random_seed(4)
    sizes = dict(num_layers=1, num_heads=2, hidden_dim=8, intermediate_dim=12)
    return TransformerTranslator(V, max_sequence_length=20, **sizes, **options)


def recurrent(**options):
    keras.utils.set_random_seed(5)
    sizes = dict(vocabulary_size=V, units=6, embedding_dim=5, max_sequence_length=20)
    return RNNTranslator.from_preset("small", **sizes, **options)


MODELS = {
    "transformer": transformer,
    "other ids": lambda: transformer(**OTHER_IDS),
    "no token forbidden": lambda: transformer(forbidden_ids=[]),
    "tied": lambda: recurrent(tie_weights=True),
    "with a bias": lambda: recurrent(tie_weights=False),
}


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    """One of the models. Not to be changed."""
    return MODELS[request.param]()


def answers(model, source, shortlist=None, **options):
    options = SearchOptions(max_length=7, shortlist=shortlist is not None, **options)
    return to_numpy(search(model, source, options, shortlist=shortlist))


# Of the models beside the first what is not slow: ids that are no words, and output projections.
BESIDE = {
    "other ids": "beam_special",
    "no token forbidden": "beam_special",
    "tied": "beam_few",
    "with a bias": "beam_few",
}


def combinations(**searches):
    """Of the first model all of these arguments; of the others those of one beam, or slow."""
    return [
        pytest.param(
            name,
            *arguments,
            marks=() if search in ("beam", BESIDE.get(name, search)) else pytest.mark.slow,
            id=f"{name}-{search}",
        )
        for name in MODELS
        for search, arguments in searches.items()
    ]


@pytest.mark.parametrize(
    ("model", "options"),
    combinations(greedy=[{}], min=[{"min_length": 4}], beam=[BEAM]),
    indirect=["model"],
)
def test_with_all_tokens_it_is_the_search(model, options):
    found, expected = (
        answers(model, SOURCE, EVERYTHING, **options),
        answers(model, SOURCE, **options),
    )
    np.testing.assert_array_equal(found["token_ids"], expected["token_ids"])
    np.testing.assert_allclose(found["score"], expected["score"], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("model", "options", "shortlist"),
    combinations(
        greedy_few=[{}, FEW],
        greedy_special=[{}, SPECIAL],
        beam_few=[BEAM, FEW],
        beam_special=[BEAM, SPECIAL],
    ),
    indirect=["model"],
)
def test_a_sentence_gets_what_it_gets_alone(model, options, shortlist):
    found = answers(model, SOURCE, shortlist, **options)
    for row in (1, 2):  # which are shorter
        alone = answers(model, SOURCE[row : row + 1, SOURCE[row] != 0], shortlist, **options)
        np.testing.assert_array_equal(found["token_ids"][row], alone["token_ids"][0])
        np.testing.assert_allclose(found["score"][row], alone["score"][0], rtol=1e-4, atol=1e-4)
    for row, source in enumerate(SOURCE):
        named = {*shortlist.candidates[source].ravel(), *shortlist.frequent}
        named |= {*model.special_ids.ends}
        named = (named - {*model.forbidden_ids}) | {model.special_ids.fill}
        assert set(found["token_ids"][row].ravel().tolist()) <= named


def test_sources_of_no_tokens_and_no_sources(model):
    named = {*FEW.frequent, *model.special_ids.ends, model.special_ids.fill}
    assert set(answers(model, SOURCE[:, :0], FEW)["token_ids"].ravel().tolist()) <= named
    assert answers(model, SOURCE[:0], FEW)["token_ids"].shape == (0, 7)


def test_a_shortlist_changes_what_is_found():
    model = transformer()
    assert (answers(model, SOURCE, FEW)["token_ids"] != answers(model, SOURCE)["token_ids"]).any()


def test_alignments():
    model = transformer()
    options = SearchOptions(max_length=6, shortlist=True)
    found = to_numpy(search(model, SOURCE, options, return_alignment=True, shortlist=FEW))
    assert found["alignment"].shape == (4, 6, 7)
    assert not found["alignment"][2, :, 1:].any()


def test_no_shortlist():
    with pytest.raises(ValueError, match="`shortlist` must be a `LexicalShortlist`"):
        search(transformer(), SOURCE, SearchOptions(shortlist=True))
    with pytest.raises(ValueError, match="`shortlist` must be True or False. Received: shortlist="):
        SearchOptions(shortlist=50)


class Loud(TransformerTranslator):
    """Its step says more than its features do."""

    def step(self, token, position, state, constants):
        logits, state = super().step(token, position, state, constants)
        return logits + 1.0, state


def test_a_step_of_its_own_is_refused():
    keras.utils.set_random_seed(4)
    sizes = dict(num_layers=1, num_heads=2, hidden_dim=8, intermediate_dim=12)
    with pytest.raises(ValueError, match="with a `step` of its own. Received: model='Loud'"):
        answers(Loud(V, **sizes), SOURCE, FEW)


def test_a_model_whose_logits_are_more_than_a_product():
    model = recurrent(tie_weights=False)
    model.output_projection.activation = keras.activations.tanh
    with pytest.raises(ValueError, match="False for a model without a `step_projection`"):
        answers(model, SOURCE, FEW)
