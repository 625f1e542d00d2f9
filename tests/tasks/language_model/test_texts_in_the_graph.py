"""The signature of strings, without a conversion: it ends texts where the host ends them."""

import numpy as np
import pytest

from keras_attention._validation import truncation_is_known
from keras_attention.search_options import GREEDY, SearchOptions
from keras_attention.tasks.language_model.graph_functions import ids_function, text_function
from keras_attention.tasks.language_model.keras_generator import keras_generator
from keras_attention.tasks.language_model.stop_ids import stop_ids
from keras_attention.token_ids import SpecialIds
from tests.backend import to_numpy
from tests.tasks.language_model.exported import CONTEXT, PROMPTS, local_gpt, tokenizer

COUNT = 20
NAMED = "<|endoftext|>"  # no text shows it, and no end it is here
PADDING = 172  # which the model writes in some rows


@pytest.fixture(scope="module")
def model():
    """It writes padding, never an end, and the named token as soon as it may."""
    model = local_gpt()
    model.set_special_ids(
        SpecialIds(padding=PADDING, unknown=None, start=None, end=None), None, 257
    )
    return model


def texts_of(model, stop, search=GREEDY, prompts=PROMPTS):
    """What the graph gives for prompts, and what the host does."""
    own = tokenizer()
    stops = stop_ids(own, stop)
    ids = ids_function(model, search, stops)
    text = text_function(
        ids, own.in_graph(), model.special_ids.ends, CONTEXT, None, stop, stops, search.n_best
    )
    limits = np.full(len(prompts), COUNT, "int32")
    found = text(np.array([prompt.encode() for prompt in prompts]), limits)["text"].numpy()
    user = keras_generator(model, own, search, stops=stop)
    with truncation_is_known():
        expected = user.continuations(prompts, COUNT)
    return found, expected


def test_padding_and_the_names_of_tokens(model):
    plain = keras_generator(model, tokenizer()).continuations(PROMPTS, COUNT)
    ids = [row[0].token_ids for row in plain]
    assert sum(PADDING in row for row in ids) > 1
    # One that spans tokens, of which one begins another; it ends before the other one does.
    [row] = [row for row in ids if PADDING in row[3:]][:1]
    place = row.index(PADDING, 3)
    spanning = tokenizer().decode(row[place - 1 : place + 1], continues=True)
    for stop in ((), (NAMED,), (spanning, NAMED), (spanning + "q", "<")):
        found, expected = texts_of(model, stop)
        assert [text.decode() for text in found] == [row[0].text for row in expected], stop


def test_a_named_token_ends_a_text(model):
    """Its logit is the largest where a token of the plain text comes."""
    own = tokenizer()
    [[first]] = keras_generator(model, own).continuations(PROMPTS[:1], COUNT)
    swapped = first.token_ids[5]
    matrix = model.embedding.token_embeddings
    table = to_numpy(matrix)
    try:
        changed = table.copy()
        changed[256] = 1.01 * table[swapped]
        matrix.assign(changed)
        found, expected = texts_of(model, (NAMED,), prompts=PROMPTS[:3])
        assert [text.decode() for text in found] == [row[0].text for row in expected]
        assert any(row[0].finish == "stop" for row in expected)
        assert all(row[0].token_ids[-1] == 256 or row[0].finish != "stop" for row in expected)
    finally:
        matrix.assign(table)


def test_every_hypothesis_of_a_beam(model):
    search = SearchOptions(beam_size=3, n_best=2)
    found, expected = texts_of(model, (NAMED,), search, PROMPTS[:3])
    assert [[text.decode() for text in row] for row in found] == [
        [each.text for each in row] for row in expected
    ]
