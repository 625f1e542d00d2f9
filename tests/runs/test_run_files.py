"""What a run's model.keras is."""

import json
import os

import keras
import numpy as np
import pytest

from keras_attention.runs.run_directory import save_model_atomically
from keras_attention.runs.run_files import changed_run, foreign_to_run
from tests.runs.mutations import contents
from tests.tasks.small_translator import small_translator


@pytest.mark.parametrize("is_compiled", [False, True])
def test_a_saved_model_is_as_before_compile(is_compiled, tmp_path):
    model = small_translator(seed=1)
    save_model_atomically(model, tmp_path / "model.keras")
    size = (tmp_path / "model.keras").stat().st_size
    if is_compiled:
        model.compile("adam", "mse")
        model.optimizer.build(model.trainable_variables)
        model.optimizer.learning_rate.assign(0.5)
    save_model_atomically(model, tmp_path / "model.keras")
    assert model.compiled == is_compiled
    assert (getattr(model, "optimizer", None) is not None) == is_compiled
    if is_compiled:
        assert float(model.optimizer.learning_rate) == 0.5

    assert (tmp_path / "model.keras").stat().st_size == pytest.approx(size, rel=0.01)
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert not loaded.compiled
    for one, other in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


MARKED = ("{}", "[]", "null", "not JSON", '{"kind": 3}', '{"kind": ""}', "\xff", "[" * 9999)


def test_the_name_of_a_file_makes_no_run(tmp_path):
    (tmp_path / "tokenizer").mkdir()
    config = tmp_path / "config.json"
    for text in MARKED:
        config.write_text(text, encoding="latin-1")
        assert foreign_to_run(tmp_path) == "a directory that is no run"
    config.write_text('{"kind": "Deployment"}')
    assert foreign_to_run(tmp_path) is None
    (tmp_path / "tokenizer").rmdir()
    assert foreign_to_run(tmp_path) == "a directory that is no run"
    config.unlink()
    os.mkfifo(config)  # which nobody writes to
    assert foreign_to_run(tmp_path) == "a directory that is no run"


@pytest.mark.parametrize(
    "name",
    [
        "notes.txt",
        "tokenizer/other.txt",
        "snapshots/step-1.safetensors.txt",
        "snapshots/mine/step-000000001.safetensors",
        "logs/train/letter.txt",
        "model.keras.bak",
        "deep/er/model.keras",
    ],
)
def test_a_run_with_what_is_not_its_own(tmp_path, name):
    own = (
        *("config.json", "digests.json", "data.json", "corpus.json", "model.keras", "history.csv"),
        *(
            "scores.json",
            "confusion.png",
            ".lock",
            ".config.json.0a1b2c3d",
            ".model.0a1b2c3d.keras",
        ),
        *("snapshots/step-000000001.safetensors", "snapshots/.step-000000001.safetensors.abc_1234"),
        *("snapshots/averaging/epoch-0001.safetensors", "snapshots/best/best-0001.safetensors"),
        *("snapshots/config.json", "logs/train/events.out.tfevents.1.host.2.0.v2"),
        *("tokenizer/vocab.txt", "logs/validation/events.out.tfevents.1.host"),
    )
    for file in own:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("")
    (tmp_path / "config.json").write_text('{"kind": "classifier"}')
    (tmp_path / "digests.json").write_text(json.dumps({"tokenizer/vocab.txt": {}}))
    (tmp_path / "empty").mkdir()
    assert foreign_to_run(tmp_path) is None
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("")
    assert foreign_to_run(tmp_path) == f"a run that also holds {name}"


@pytest.mark.parametrize("has_links", [True, False])
def test_a_run_is_changed_as_a_whole(tmp_path, monkeypatch, has_links):
    run = tmp_path / "run"
    (run / "tokenizer").mkdir(parents=True)
    for name in ("config.json", "model.keras", "tokenizer/vocab.txt"):
        (run / name).write_text("old")
    (run / "link").symlink_to("config.json")
    before = contents(run)
    if not has_links:
        monkeypatch.setattr(os, "link", lambda *a, **k: (_ for _ in ()).throw(OSError("no links")))
    with pytest.raises(RuntimeError), changed_run(run) as copy:
        (copy / "config.json").unlink()
        raise RuntimeError
    assert contents(run) == before
    with changed_run(run, without=["model.keras"]) as copy:
        assert sorted(os.listdir(copy)) == ["config.json", "link", "tokenizer"]
        assert contents(run) == before
        (copy / "new").write_text("new")
    assert sorted(os.listdir(run)) == ["config.json", "link", "new", "tokenizer"]
    assert os.readlink(run / "link") == "config.json"
    assert (run / "tokenizer" / "vocab.txt").read_text() == "old"
    assert os.listdir(tmp_path) == ["run"]
