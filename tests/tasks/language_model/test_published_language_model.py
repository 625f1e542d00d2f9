"""A published directory becomes a run, and a training goes on from it."""

import json
import shutil

import keras
import numpy as np
import pytest

from keras_attention import save_run
from keras_attention._validation import InputError
from keras_attention.checkpoints import save_hugging_face
from keras_attention.models import GPT
from keras_attention.tasks.describe import describe
from keras_attention.tasks.import_checkpoint import import_checkpoint
from keras_attention.tasks.language_model.language_model_config import LanguageModelConfig
from keras_attention.tasks.load import load
from keras_attention.tasks.train import train
from keras_attention.text.tokenizers import language_model_tokenizer
from tests.cli.command import run_here


@pytest.fixture(scope="module")
def tokenizer():
    return language_model_tokenizer("bpe").train(["one two three four five six " * 20], 280)


@pytest.fixture(scope="module")
def model(tokenizer):
    keras.utils.set_random_seed(4)
    return GPT(
        vocabulary_size=tokenizer.vocabulary_size,
        num_layers=1,
        num_heads=2,
        hidden_dim=16,
        max_sequence_length=20,
        special_ids=tokenizer.special_ids,
    )


@pytest.fixture(scope="module")
def published(model, tokenizer, tmp_path_factory):
    directory = tmp_path_factory.mktemp("published") / "small-gpt2"
    save_hugging_face(model, tokenizer, directory)
    return directory


def test_import(published, model, tokenizer, tmp_path, capfd):
    status, _, err = run_here(capfd, "import", published, "--output", tmp_path / "run")
    assert status == 0, err
    user = load(tmp_path / "run")
    for left, right in zip(user.model.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)
    ids = tokenizer.encode(["one two"]).token_ids
    found = model.generate(
        {"token_ids": np.array(ids, "int32"), "lengths": np.array([len(ids[0])], "int32")}, 6
    )
    (best,) = user.continuations(["one two"], 6)[0]
    assert best.token_ids == np.asarray(found["token_ids"])[0, : len(best.token_ids)].tolist()
    assert "language-model" in describe(published)
    assert describe(tmp_path / "run").startswith("run, language-model, small-gpt2")


def test_it_goes_on_from_published_weights(published, model, tmp_path):
    (tmp_path / "text.txt").write_text("six five four three two one " * 30)
    config = LanguageModelConfig.for_preset(
        train=str(tmp_path / "text.txt"),
        initial_weights=str(published),
        max_sequence_length=8,
        steps=4,
        learning_rate=1e-2,
        dropout=0.0,
        jit_compile=False,
    )
    user = train(config, tmp_path / "run", quiet=True)
    assert user.context == 20  # it reads as many as it has positions
    pairs = zip(user.model.get_weights(), model.get_weights(), strict=True)
    assert any(np.abs(left - right).max() > 1e-3 for left, right in pairs)
    assert json.loads((tmp_path / "run" / "config.json").read_text())["max_sequence_length"] == 8
    load(tmp_path / "run").generate(["one two"], 3)


def test_tokenizer_and_weights_that_do_not_fit(tokenizer, published, tmp_path):
    small = GPT(100, num_layers=1, num_heads=1, hidden_dim=8, max_sequence_length=8)
    with pytest.raises(InputError, match="do not belong together"):
        save_run(small, tokenizer, tmp_path / "run")
    shutil.copytree(published, tmp_path / "published")
    save_hugging_face(small, language_model_tokenizer("characters").train(["ab"]), tmp_path / "s")
    for name in ("config.json", "model.safetensors"):
        shutil.copy(tmp_path / "s" / name, tmp_path / "published" / name)
    with pytest.raises(InputError, match="do not belong together"):
        import_checkpoint(tmp_path / "published", tmp_path / "run")


def test_no_directory_to_begin_with(text_folder, tmp_path):
    config = LanguageModelConfig.for_preset(
        train=str(text_folder / "text.txt"), initial_weights=str(tmp_path), jit_compile=False
    )
    with pytest.raises(InputError, match="neither a run directory"):
        train(config, tmp_path / "run", quiet=True)
