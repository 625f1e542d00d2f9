"""A published family that has no encoder: a file in `checkpoints/` and a line in the table."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

import keras_attention
from keras_attention._validation import InputError
from keras_attention.checkpoints import load_hugging_face, load_tokenizer, save_hugging_face
from keras_attention.checkpoints.families import FAMILIES
from keras_attention.checkpoints.family import Family
from keras_attention.checkpoints.parts import Part
from keras_attention.models import TransformerTranslator
from keras_attention.tasks.import_checkpoint import import_checkpoint
from keras_attention.tasks.initial_encoder import initial_encoder
from keras_attention.text import TranslationTokenizer
from tests.cli.command import run_here
from tests.tasks.small_translator import small_translator, tokenizer


class Stub(Family):
    """A transformer of the published kind that Marian is: its only task is to translate."""

    model_type = "stub"
    name = "Stub"
    bare_class = TransformerTranslator
    prefix = "model."
    sizes = {
        "vocab_size": "vocabulary_size",
        "layers": "num_layers",
        "heads": "num_heads",
        "d_model": "hidden_dim",
        "ffn_dim": "intermediate_dim",
        "positions": "max_sequence_length",
    }
    architectures = {"StubForTranslation": "translator"}
    heads = {"translator": "model.0"}

    def arguments(self, config, names):
        return {ours: config[theirs] for theirs, ours in self.sizes.items()}

    def large_tensors(self, arguments):
        return {"0": (arguments["vocabulary_size"], arguments["hidden_dim"])}

    def parameters(self, arguments):
        return arguments["vocabulary_size"] * arguments["hidden_dim"]

    def make(self, task, arguments, config, shapes):
        assert task == "translator"
        return self.bare_class(**arguments)

    def parts(self, model):
        return {f"model.{i}": Part(v) for i, v in enumerate(model.trainable_variables)}

    def architecture(self, model):
        return "StubForTranslation"

    def config(self, model):
        values = model.get_config()
        sizes = {theirs: values[ours] for theirs, ours in self.sizes.items()}
        return {"model_type": self.model_type, **sizes}

    def load_tokenizer(self, directory):
        return TranslationTokenizer.load(directory)


@pytest.fixture(autouse=True)
def line(monkeypatch):
    monkeypatch.setitem(FAMILIES, "stub", Stub())


@pytest.fixture
def published(tmp_path):
    save_hugging_face(small_translator(3), tokenizer(), tmp_path / "published")
    return tmp_path / "published"


def test_a_directory_is_written_and_read(published):
    config = json.loads((published / "config.json").read_text())
    assert config["architectures"] == ["StubForTranslation"]
    assert config["pad_token_id"] == tokenizer().special_ids.padding
    assert load_tokenizer(published).target.encode("one") == tokenizer().target.encode("one")
    for task in (None, "translator"):
        model = load_hugging_face(published, task)
        assert type(model) is TransformerTranslator
        for one, other in zip(model.get_weights(), small_translator(3).get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match=r"one of \('translator',\). Received: task='encoder'"):
        load_hugging_face(published, "encoder")
    for name in ("StubForTranslation", None):
        config["architectures"] = name and [name]
        (published / "config.json").write_text(json.dumps(config))
        assert type(load_hugging_face(published)) is TransformerTranslator
    (published / "config.json").write_text(json.dumps({**config, "architectures": ["Other"]}))
    with pytest.raises(InputError, match='of which only "StubForTranslation" can be read.$'):
        load_hugging_face(published)


def test_it_is_imported_and_translates(published, tmp_path, capfd):
    expected = small_translator(3)
    for force, longest in ((False, 12), (True, 9)):
        if longest == 9:
            (published / "tokenizer_config.json").write_text('{"model_max_length": 9}')
        import_checkpoint(published, tmp_path / "run", force=force)
        config = json.loads((tmp_path / "run" / "config.json").read_text())
        assert config == {
            "kind": "translator",
            "decoding": config["decoding"],
            "initial_weights": "published",
            "max_sequence_length": longest,
        }
    user = keras_attention.load(tmp_path / "run")
    for one, other in zip(user.model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(user.translate(["one", "two"])) == 2
    status, _, error = run_here(capfd, "import", published, "--output", tmp_path / "other")
    assert (status, error) == (0, "")


def test_what_it_holds_is_shown(published, capfd):
    status, out, error = run_here(capfd, "inspect", published)
    assert (status, error) == (0, "")
    lines = out.splitlines()
    count = small_translator().count_params()
    size = tokenizer().target.vocabulary_size
    assert lines[:4] == [
        "published directory of a Stub: translator (StubForTranslation)",
        f"model: {count:,} parameters, 1 layer of width 16, 2 heads",
        f"tokenizer: SentencePiece, {size:,} tokens of source and target",
        "texts of at most 12 tokens",
    ]
    assert lines[-1].endswith(" makes a run of it, as one of translator")


def test_what_it_is_not(published, tmp_path):
    said = "is a published directory of a Stub, which has no encoder to begin with"
    with pytest.raises(InputError, match=said):
        initial_encoder(SimpleNamespace(initial_weights=published))
    with pytest.raises(InputError, match="a TransformerTranslator has no classes"):
        save_hugging_face(small_translator(), None, tmp_path / "other", labels=["a", "b"])
    assert not (tmp_path / "other").exists()
