"""Whatever happens to a snapshot: the same weights, or the one before and a warning of it."""

import json
import warnings

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_attention.training import restore_latest, save_snapshot
from keras_attention.training.snapshots import snapshot_paths
from tests.runs.mutations import (
    answers_or_sentence,
    contents,
    json_bytes,
    replaced,
    spoiled_bytes,
    spoiled_json,
)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    return model


@pytest.fixture(scope="module")
def snapshots(model, tmp_path_factory):
    """Two snapshots, of steps 1 and 2; as they were after each example."""
    folder = tmp_path_factory.mktemp("snapshots")
    for step in (1, 2):
        model.set_weights([np.full(w.shape, step, "float32") for w in model.get_weights()])
        save_snapshot(folder, model, {"step": step, "epoch": 0})
    return folder


def restored(snapshots, model):
    """The step to which it goes back, its weights being those of the step, and the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = answers_or_sentence(snapshots, lambda: restore_latest(snapshots, model))
    position = found and found[0]
    if position is not None:
        assert all((weights == position["step"]).all() for weights in model.get_weights())
    return position and position["step"], [str(warning.message) for warning in caught]


def check(snapshots, model, path, spoiled):
    before = path.read_bytes()
    with replaced({path: spoiled}):
        step, said = restored(snapshots, model)
    if step == 2:
        assert said == []
    else:
        assert step == 1 and spoiled != before
        assert len(said) == 1 and str(path) in said[0] and "\n" not in said[0]


@settings(max_examples=60)
@given(data=st.data())
def test_bytes(snapshots, model, data):
    path = snapshot_paths(snapshots)[-1]
    check(snapshots, model, path, data.draw(spoiled_bytes(path.read_bytes())))


@settings(max_examples=60)
@given(data=st.data())
def test_headers(snapshots, model, data):
    path = snapshot_paths(snapshots)[-1]
    before = path.read_bytes()
    length = int.from_bytes(before[:8], "little")
    header = json_bytes(data.draw(spoiled_json(json.loads(before[8 : 8 + length]))))
    spoiled = len(header).to_bytes(8, "little") + header + before[8 + length :]
    check(snapshots, model, path, spoiled)


def test_no_sound_snapshot(snapshots, model):
    files = {path: b"\x80\x04spoiled" for path in snapshot_paths(snapshots)}
    assert set(contents(snapshots)) == {path.name for path in files}
    with replaced(files):
        step, said = restored(snapshots, model)
    assert step is None and len(said) == 2
