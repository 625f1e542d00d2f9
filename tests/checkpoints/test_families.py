"""A family of checkpoints is one class and one line in the table."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from keras_attention.checkpoints import load_hugging_face, save_hugging_face
from keras_attention.checkpoints.bert import Bert
from keras_attention.checkpoints.families import FAMILIES
from keras_attention.models import BertEncoder, Classifier, LessonClassifier
from tests.backend import to_numpy
from tests.checkpoints.golden_models import GOLDEN, INPUTS, TINY


@keras.saving.register_keras_serializable(package="tests")
class OtherEncoder(BertEncoder):
    """An encoder of another family."""


class Other(Bert):
    """Another family: BERT by other names."""

    model_type = "other"
    name = "Other"
    bare_class = OtherEncoder
    prefix = "other."
    architectures = {"OtherForSequenceClassification": "classifier"}

    def architecture(self, model):
        return super().architecture(model).replace("Bert", "Other")


@pytest.fixture
def other(monkeypatch, tmp_path):
    """The family in the table, and a checkpoint of it."""
    monkeypatch.setitem(FAMILIES, "other", Other())
    golden, directory = GOLDEN / "sequence_classification", tmp_path / "checkpoint"
    directory.mkdir()
    config = json.loads((golden / "config.json").read_text())
    config |= {"model_type": "other", "architectures": ["OtherForSequenceClassification"]}
    (directory / "config.json").write_text(json.dumps(config))
    tensors = load_file(golden / "model.safetensors")
    renamed = {name.replace("bert.", "other."): tensor for name, tensor in tensors.items()}
    save_file(renamed, directory / "model.safetensors")
    return directory


def test_a_family_is_read_and_written_by_its_model_type(other, tmp_path):
    model = load_hugging_face(other)
    assert type(model) is Classifier
    assert type(model.encoder) is OtherEncoder
    expected = TINY["sequence_classification_logits"]
    np.testing.assert_allclose(to_numpy(model(INPUTS)), expected, atol=1e-5)
    save_hugging_face(model, None, tmp_path / "saved")
    config = json.loads((tmp_path / "saved/config.json").read_text())
    assert config["model_type"] == "other"
    assert config["architectures"] == ["OtherForSequenceClassification"]
    ours, theirs = (load_file(path / "model.safetensors") for path in (tmp_path / "saved", other))
    assert ours.keys() == theirs.keys()
    for name, tensor in theirs.items():
        np.testing.assert_array_equal(ours[name], tensor)
    # The family that it derives from is none of its business.
    encoder = load_hugging_face(GOLDEN / "sequence_classification", "encoder")
    save_hugging_face(encoder, None, tmp_path / "bert")
    assert json.loads((tmp_path / "bert/config.json").read_text())["model_type"] == "bert"


def test_messages_name_every_family(other, tmp_path):
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | {"model_type": "roberta"}))
    with pytest.raises(ValueError, match='of which only "bert" or "distilbert" or "big_'):
        load_hugging_face(other)
    with pytest.raises(
        ValueError, match="`model` must be a BERT or DistilBERT or .* or Llama or O"
    ):
        save_hugging_face(LessonClassifier(3, vocabulary_size=9), None, tmp_path / "saved")


def test_importing_the_package_imports_nothing_heavy():
    code = (
        "import sys, keras_attention.checkpoints as checkpoints\n"
        "assert 'load_hugging_face' in dir(checkpoints)\n"
        "print(sorted({'keras', 'tensorflow', 'safetensors', 'jax'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"
