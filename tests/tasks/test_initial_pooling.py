"""The pooling that a classifier's training takes over from what it begins with."""

import json

import pytest

from keras_attention.checkpoints import save_hugging_face
from keras_attention.models import Classifier, SentenceEncoder
from keras_attention.tasks import task_of
from keras_attention.tasks.classification.classifier_config import ClassifierConfig
from keras_attention.tasks.save_run import save_run
from tests.runs.small_runs import word_piece
from tests.tasks.small_models import small_encoder


def pooling_of_training(weights, **options):
    """What a training that begins with `weights` classifies by, with and without being asked."""
    config = ClassifierConfig.for_preset(
        train="a.csv", initial_weights=str(weights), max_sequence_length=11, **options
    )
    task_of("classifier").read_initial(config)
    return config.pooling


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_a_directory_of_sentence_transformers_says_its_pooling(pooling, tmp_path):
    model = SentenceEncoder(small_encoder(), pooling=pooling)
    save_hugging_face(model, word_piece(), tmp_path / "published")
    assert pooling_of_training(tmp_path / "published") == pooling
    assert pooling_of_training(tmp_path / "published", pooling="cls") == "cls"


def test_what_no_classifier_has_is_left_to_the_family(tmp_path):
    save_hugging_face(
        SentenceEncoder(small_encoder(), pooling="max"), word_piece(), tmp_path / "published"
    )
    assert pooling_of_training(tmp_path / "published") is None
    path = tmp_path / "published" / "1_Pooling" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "pooling_mode": "lasttoken"}))
    assert pooling_of_training(tmp_path / "published") is None


def test_a_directory_without_modules_says_nothing(tmp_path):
    save_hugging_face(small_encoder(), word_piece(), tmp_path / "published")
    assert pooling_of_training(tmp_path / "published") is None


def test_a_run_says_its_pooling(tmp_path):
    classifier = Classifier(small_encoder(), 2, pooling="mean", labels=["a", "b"])
    save_run(classifier, word_piece(), tmp_path / "run")
    assert pooling_of_training(tmp_path / "run") == "mean"
    save_run(SentenceEncoder(small_encoder(), pooling="cls"), word_piece(), tmp_path / "vectors")
    assert pooling_of_training(tmp_path / "vectors") == "cls"
