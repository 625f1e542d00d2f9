"""The head of a checkpoint means what its config says."""

import json
import shutil

import keras
import numpy as np
import pytest

from keras_attention._validation import InputError
from keras_attention.checkpoints import load_hugging_face, save_hugging_face
from keras_attention.models import Classifier, LessonClassifier, TokenClassifier
from tests.checkpoints.golden_models import GOLDEN
from tests.tasks.small_heads import HEADS, meaning, write_checkpoint
from tests.tasks.small_models import small_encoder

IDS = np.array([[2, 7, 9, 3], [2, 30, 3, 0]], "int32")


def scores_and_logits(model):
    inputs = {
        "token_ids": IDS,
        "segment_ids": np.zeros_like(IDS),
        "padding_mask": (IDS > 0).astype("int32"),
    }
    found = keras.ops.convert_to_numpy(model.scores(IDS, 0))
    return found, keras.ops.convert_to_numpy(model(inputs))


@pytest.mark.parametrize("head", HEADS)
def test_what_the_config_says(tmp_path, head):
    count, _, kind = HEADS[head]
    model = load_hugging_face(write_checkpoint(tmp_path / "hf", head))
    assert model.problem_type == (kind if kind == "regression" else f"{kind}_classification")
    found, logits = scores_and_logits(model)
    np.testing.assert_allclose(found, meaning(logits, kind), atol=1e-6)
    assert np.abs(logits[0] - logits[1]).max() > 0.01
    if kind == "regression":
        with pytest.raises(ValueError, match="a regression gives numbers by `scores`"):
            model.probabilities(IDS, 0)
    else:
        np.testing.assert_array_equal(model.probabilities(IDS, 0), found)
    # It is kept by both ways of saving a model.
    model.save(tmp_path / "model.keras")
    save_hugging_face(model, None, tmp_path / "again")
    for again in (
        keras.saving.load_model(tmp_path / "model.keras"),
        load_hugging_face(tmp_path / "again"),
    ):
        assert again.problem_type == model.problem_type
        np.testing.assert_allclose(scores_and_logits(again)[0], found, atol=1e-6)
    written = json.loads((tmp_path / "again" / "config.json").read_text())
    assert ("problem_type" in written) == (kind != "single_label")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"problem_type": "ranking"}, 'problem_type is "ranking", of which only "single_label_cla'),
        ({"problem_type": ["regression"]}, r'problem_type is \["regression"\], of which only'),
        ({"function_to_apply": "tanh"}, 'function_to_apply is "tanh", of which only "softmax" or'),
        (
            {"sentence_transformers": {"activation_fn": "torch.nn.modules.activation.Tanh"}},
            'sentence_transformers.activation_fn is "torch.nn.modules.activation.Tanh", of which',
        ),
        ({"sentence_transformers": "x"}, "sentence_transformers.activation_fn is"),
        (
            {"problem_type": "regression", "function_to_apply": "sigmoid"},
            "says two things of what the logits mean: problem_type is .* and function_to_apply is",
        ),
        ({"num_labels": 2}, "must have the num_labels that the classifier has, 3. Received: 2"),
    ],
)
def test_what_no_classifier_here_does(tmp_path, said, message):
    directory = write_checkpoint(tmp_path / "hf", "nothing said", **said)
    with pytest.raises(InputError, match=message):
        load_hugging_face(directory)
    if "num_labels" not in said:
        load_hugging_face(directory, "encoder")  # which has no logits


@pytest.mark.parametrize("said", ["multi_label_classification", "regression"])
def test_the_tokens_of_a_text_have_one_label_each(tmp_path, said):
    directory = shutil.copytree(GOLDEN / "token_classification", tmp_path / "hf")
    config = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps({**config, "problem_type": said}))
    with pytest.raises(InputError, match=f"logits of a token are those of {said}"):
        load_hugging_face(directory)
    model = TokenClassifier(small_encoder(), 1)
    save_hugging_face(model, None, tmp_path / "one")
    assert type(load_hugging_face(tmp_path / "one")) is TokenClassifier


def test_a_head_with_the_tensors_of_a_classifier_is_none(tmp_path):
    said = {"architectures": ["BertForMultipleChoice"]}
    directory = write_checkpoint(tmp_path / "hf", "one logit", **said)
    with pytest.raises(InputError, match="BertForMultipleChoice.* in architectures, of which only"):
        load_hugging_face(directory)
    with pytest.raises(InputError, match="classifier.weight belongs to the head for another task"):
        load_hugging_face(directory, "classifier")
    load_hugging_face(directory, "encoder")


@pytest.mark.parametrize(
    "make",
    [
        lambda **options: Classifier(small_encoder(), 2, **options),
        lambda **options: LessonClassifier(2, vocabulary_size=40, **options),
    ],
)
def test_models_take_it(make, tmp_path):
    with pytest.raises(ValueError, match="`problem_type` must be None or one of .'single_label"):
        make(problem_type="sigmoid")
    model = make(problem_type="regression")
    found, logits = scores_and_logits(model)
    np.testing.assert_allclose(found, logits)
    model.save(tmp_path / "model.keras")
    assert keras.saving.load_model(tmp_path / "model.keras").problem_type == "regression"
    assert make().problem_type == "single_label_classification"
