"""A task is a folder and a line in `TASKS`: its runs and artifacts are made, and replaced."""

import sys

import keras
import pytest

import keras_attention
from keras_attention._validation import InputError
from keras_attention.models import BertEncoder
from keras_attention.tasks import TASKS
from tests.tasks import toy_task
from tests.tasks.small_models import TEXTS, small_encoder, tokenizer_of
from tests.tasks.toy_task import task as toy_module


@keras.saving.register_keras_serializable(package="keras_attention")
class ToyEncoder(BertEncoder):
    """An encoder of the task."""

    __module__ = "keras_attention.models.toy_encoder"  # where such a model would stand
    task_kind = "toy"


@pytest.fixture(autouse=True)
def line(monkeypatch):
    monkeypatch.setitem(TASKS, "toy", "toy")
    monkeypatch.setitem(sys.modules, "keras_attention.tasks.toy", toy_task)
    monkeypatch.setitem(sys.modules, "keras_attention.tasks.toy.task", toy_module)


def test_a_run_and_an_artifact_of_a_new_task_are_replaced(tmp_path):
    config = small_encoder().get_config()
    models = []
    for dropout in (0.1, 0.2):
        keras.utils.set_random_seed(5)
        models.append(ToyEncoder.from_config({**config, "dropout": dropout}))
    run, artifact = tmp_path / "run", tmp_path / "artifact"
    for model in models:
        keras_attention.save_run(model, tokenizer_of("encoder"), run, force=True)
        assert keras_attention.load(run).model.dropout == model.dropout
    for source in (run, models[1]):
        told = {} if source is run else {"tokenizer": tokenizer_of("encoder")}
        keras_attention.export(
            source, artifact, formats=("onnx",), examples=TEXTS, force=True, **told
        )
        assert len(keras_attention.load(artifact).outputs(TEXTS)) == len(TEXTS)

    (run / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="a run that also holds notes.txt"):
        keras_attention.save_run(models[0], tokenizer_of("encoder"), run, force=True)
    (artifact / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="an artifact that also holds notes.txt"):
        keras_attention.export(run, artifact, formats=("onnx",), examples=TEXTS, force=True)
