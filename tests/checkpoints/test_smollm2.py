"""Real weights of a language model: logits as PyTorch's, stored here, and what it goes on with."""

import json
from pathlib import Path

import numpy as np
import pytest

from keras_attention.checkpoints import load_hugging_face, save_hugging_face
from keras_attention.models import Llama
from tests.backend import to_numpy
from tests.made_once import made_once
from tests.models.language_models import prompts
from tests.smollm2 import needs_smollm2, write_smollm2

GOLDEN = Path(__file__).parent / "golden" / "smollm2"
VALUES = dict(np.load(GOLDEN / "logits.npz"))
PROMPT = VALUES["prompt"].tolist()  # "The capital of France is"
pytestmark = needs_smollm2


@pytest.fixture(scope="module")
def two_layers(tmp_path_factory):
    return made_once(tmp_path_factory, "smollm2_2", lambda path: write_smollm2(path, 2))


def test_logits_of_the_first_two_layers(two_layers):
    model = load_hugging_face(two_layers)
    assert type(model) is Llama
    assert model.num_layers == 2 and model.num_key_value_heads == 3
    assert (model.special_ids.start, model.special_ids.ends) == (1, (2,))
    found = to_numpy(model({"token_ids": VALUES["token_ids"]}))
    columns = VALUES["columns"]
    np.testing.assert_allclose(found[:, :, columns], VALUES["logits_2"], atol=1e-3, rtol=0)
    np.testing.assert_array_equal(found.argmax(axis=-1), VALUES["best_2"])
    # With a cache as without
    made = to_numpy(model.generate(prompts([PROMPT]), max_length=8))["token_ids"][0]
    np.testing.assert_array_equal(made, VALUES["continues_2"])


def test_it_is_written_as_it_was_read(two_layers, tmp_path):
    model = load_hugging_face(two_layers)
    save_hugging_face(model, None, tmp_path / "again")
    one, other = (
        json.loads((path / "config.json").read_text()) for path in (two_layers, tmp_path / "again")
    )
    assert {name: other[name] for name in one} == one
    again = load_hugging_face(tmp_path / "again")
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_the_whole_model(tmp_path_factory):
    directory = made_once(tmp_path_factory, "smollm2", write_smollm2)
    model = load_hugging_face(directory)
    assert model.count_params() == 134_515_008 == Llama.parameter_count("smollm2-135m")
    preset = Llama.presets["smollm2-135m"]
    assert {name: model.get_config()[name] for name in preset} == preset
    found = to_numpy(model({"token_ids": VALUES["token_ids"]}))
    columns = VALUES["columns"]
    np.testing.assert_allclose(found[:, :, columns], VALUES["logits"], atol=1e-3, rtol=0)
    np.testing.assert_array_equal(found.argmax(axis=-1), VALUES["best"])
    # "The capital of France is" goes on with " Paris".
    made = to_numpy(model.generate(prompts([PROMPT]), max_length=16))["token_ids"][0]
    assert made[0] == VALUES["paris"]
    np.testing.assert_array_equal(made, VALUES["continues"])
