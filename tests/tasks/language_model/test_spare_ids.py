"""Rows of an embedding that stand for no token: no runtime writes them."""

import keras
import numpy as np
import pytest

from keras_attention import load, save_run
from keras_attention.models import GPT
from keras_attention.search_options import GREEDY
from keras_attention.tasks.language_model.graph_functions import language_model_graph
from keras_attention.tasks.language_model.keras_generator import keras_generator
from keras_attention.token_ids import SpecialIds
from tests.tasks.language_model.exported import SIZES, tokenizer

SIZE = tokenizer().vocabulary_size


def model_with_spare_rows(special_ids=None):
    """One of its two spare rows has the largest logit, whatever comes before."""
    special_ids = tokenizer().special_ids if special_ids is None else special_ids
    model = GPT(SIZE + 2, **{**SIZES, "num_layers": 1}, special_ids=special_ids)
    [table] = [weight for weight in model.weights if weight.shape[0] == SIZE + 2]
    rows = keras.ops.convert_to_numpy(table).copy()
    rows[SIZE:] = 50 * np.array([[1], [-1]]) * np.random.default_rng(0).normal(size=rows.shape[1:])
    table.assign(rows)
    return model


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("spare") / "run"
    return save_run(model_with_spare_rows(), tokenizer(), path)


def test_a_run_writes_tokens_alone(run):
    as_it_is = keras_generator(model_with_spare_rows(), tokenizer())
    [[best]] = as_it_is.continuations(["To be"], 5)
    assert max(best.token_ids) >= SIZE
    generator = load(run)
    [[best]] = generator.continuations(["To be"], 5, token_scores=True)
    assert max(best.token_ids) < SIZE
    assert len(generator.tokenizer.pieces(best.token_ids)) == len(best.log_probabilities)
    assert "".join(generator.stream("To be", 5)) == best.text
    [[best]] = generator.continuations(["To be"], 5, sample=True)
    assert max(best.token_ids) < SIZE


def test_an_artifact_forbids_them(run):
    generator = load(run)
    graph = language_model_graph(generator.model, generator.tokenizer, GREEDY)
    assert graph.fields["forbidden_ids"] == [SIZE, SIZE + 1]


def test_an_end_stays_possible(tmp_path):
    special_ids = SpecialIds(padding=None, unknown=None, start=None, end=SIZE)
    run = save_run(model_with_spare_rows(special_ids), tokenizer(), tmp_path / "run")
    assert load(run).model.forbidden_ids == (SIZE + 1,)
