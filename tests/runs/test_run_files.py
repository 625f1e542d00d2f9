"""What a run's model.keras is."""

import json
import os
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_attention import files, new_directory
from keras_attention._validation import InputError
from keras_attention.files import temporary_name
from keras_attention.runs.run_directory import read_config, save_model_atomically, write_config
from keras_attention.runs.run_files import changed_run, foreign_to_run, remove_half_written
from keras_attention.tasks import TASKS
from tests.runs.mutations import contents
from tests.runs.small_runs import make_classifier_run
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


DIGEST = {"sha256": "0" * 64, "bytes": 3}
MARKED = ("{}", "[]", "null", "not JSON", '{"kind": 3}', '{"kind": ""}', "\xff", "[" * 9999)


def test_the_name_of_a_file_makes_no_run(tmp_path):
    (tmp_path / "tokenizer").mkdir()
    config = tmp_path / "config.json"
    for text in MARKED:
        config.write_text(text, encoding="latin-1")
        assert foreign_to_run(tmp_path) == "a directory that is no run"
    for kind in ("Deployment", ["classifier"], *TASKS):
        config.write_text(json.dumps({"kind": kind}))
        assert foreign_to_run(tmp_path) == "a directory that is no run"
    digests = tmp_path / "digests.json"
    for others in (
        *([], {}, {"tokenizer/a.txt": {}}, {"tokenizer/a.txt": "0"}, {"a": DIGEST}),
        *({"tokenizer/a.txt": DIGEST}, {"config.json": DIGEST}),
        {"config.json": {}, "tokenizer/a.txt": DIGEST},
    ):
        digests.write_text(json.dumps(others))
        assert foreign_to_run(tmp_path) == "a directory that is no run"
    digests.write_text(json.dumps(dict.fromkeys(("config.json", "tokenizer/a.txt"), DIGEST)))
    for text in MARKED:
        config.write_text(text, encoding="latin-1")
        assert foreign_to_run(tmp_path) == "a directory that is no run"
    for kind in (*TASKS, "of a task that is not here"):
        config.write_text(json.dumps({"kind": kind}))
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
        "thesis.txt",
        "tokenizer/other.txt",
        ".config.json.0a1b2c3d",
        ".history.csv.markdown",
        "logs/.notes.keras-attention-0a1b2c3d",
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
            temporary_name("config.json").name,
            temporary_name("model", ".keras").name,
        ),
        "snapshots/step-000000001.safetensors",
        str(temporary_name("snapshots/step-000000001.safetensors")),
        *("snapshots/averaging/epoch-0001.safetensors", "snapshots/best/best-0001.safetensors"),
        *("snapshots/config.json", "logs/train/events.out.tfevents.1.host.2.0.v2"),
        *("tokenizer/vocab.txt", "logs/validation/events.out.tfevents.1.host"),
    )
    for file in own:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("")
    (tmp_path / "config.json").write_text('{"kind": "classifier"}')
    (tmp_path / ".lock").write_text("keras-attention lock: process 1 on another\n")
    (tmp_path / "digests.json").write_text(
        json.dumps(dict.fromkeys(("config.json", "tokenizer/vocab.txt", "thesis.txt"), DIGEST))
    )
    (tmp_path / "empty").mkdir()
    assert foreign_to_run(tmp_path) is None
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("")
    assert foreign_to_run(tmp_path) == f"a run that also holds {name}"


def test_a_file_with_the_name_of_a_lock_is_not_the_runs(tmp_path):
    run = make_classifier_run(tmp_path / "run")
    (run / ".lock").write_text("keras-attention lock: process 1 on another\n")
    assert foreign_to_run(run) is None
    (run / ".lock").write_text("my notes")
    assert foreign_to_run(run) == "a run that also holds .lock"


def test_only_the_runs_own_half_written_files_are_removed(tmp_path):
    half = [
        temporary_name(tmp_path / "model", ".keras"),
        temporary_name(tmp_path / "snapshots" / "best" / "best-0001.safetensors"),
        *(temporary_name(tmp_path / name) for name in ("history.csv", "snapshots/config.json")),
    ]
    mine = [
        temporary_name(tmp_path / "notes.txt"),
        temporary_name(tmp_path / "snapshots" / "letter"),
        *(tmp_path / name for name in (".notes.markdown", ".model.mybackup.keras", "model.keras")),
        *(tmp_path / name for name in ("snapshots/.env.settings", ".history.csv.markdown")),
    ]
    for path in half + mine:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    remove_half_written(tmp_path)
    assert [path for path in half if path.exists()] == []
    assert [path for path in mine if not path.exists()] == []


def test_saving_a_model_removes_its_own_half_written_files_alone(tmp_path):
    half = temporary_name(tmp_path / "model", ".keras")
    mine = [tmp_path / ".model.mybackup.keras", temporary_name(tmp_path / "models", ".keras")]
    for path in (half, *mine):
        path.write_text("")
    save_model_atomically(small_translator(seed=1), tmp_path / "model.keras")
    assert not half.exists() and all(path.exists() for path in mine)


@pytest.fixture
def small_run(tmp_path):
    run = tmp_path / "run"
    (run / "tokenizer").mkdir(parents=True)
    for name in ("config.json", "model.keras", "history.csv", "tokenizer/vocab.txt"):
        (run / name).write_text("old")
    return run


@pytest.fixture(params=["links", "no links"])
def has_links(request, monkeypatch):
    if request.param == "no links":
        monkeypatch.setattr(os, "link", lambda *a, **k: (_ for _ in ()).throw(OSError("no links")))


@pytest.fixture(params=["at once", "in turn"])
def way(request, monkeypatch):
    """Both ways to replace a directory: that of Linux, and that of all others."""
    if request.param == "in turn":
        monkeypatch.setattr(new_directory, "_exchange", lambda one, other: False)
    return request.param


def written_anew(path, text="mine"):
    """As editors write: another file gets the name."""
    temporary = path.with_name("temporary")
    temporary.write_text(text)
    os.replace(temporary, path)


@pytest.mark.parametrize("write", [Path.write_text, written_anew])
def test_what_is_written_into_a_run_while_it_is_changed(small_run, has_links, way, write):
    with changed_run(small_run, without=["model.keras"]) as copy:
        write_config(copy, {"kind": "new"})
        (copy / "model.keras").write_text("new")
        (small_run / "notes" / "of").mkdir(parents=True)
        (small_run / "notes" / "of" / "today.txt").write_text("mine")
        (small_run / "notes" / "link").symlink_to("of")
        write(small_run / "history.csv", "mine")
        write(small_run / "tokenizer" / "vocab.txt", "mine")
    assert read_config(small_run) == {"kind": "new"}
    found = {name: (small_run / name).read_text() for name in ("model.keras", "history.csv")}
    assert found == {"model.keras": "new", "history.csv": "mine"}
    assert (small_run / "tokenizer" / "vocab.txt").read_text() == "mine"
    assert (small_run / "notes" / "of" / "today.txt").read_text() == "mine"
    assert os.readlink(small_run / "notes" / "link") == "of"
    assert os.listdir(small_run.parent) == ["run"]


@pytest.mark.parametrize("write", [Path.write_text, written_anew])
@pytest.mark.parametrize("name", ["config.json", "model.keras", "new.json"])
def test_two_that_change_the_same_file_of_a_run(small_run, has_links, way, write, name):
    with (
        pytest.raises(InputError, match=f"run was written to by .* meanwhile: {name}. Nothing is"),
        changed_run(small_run, without=["model.keras"]) as copy,
    ):
        for file in ("config.json", "model.keras", "new.json"):
            written_anew(copy / file, "ours, and longer")
        write(small_run / name, "mine")
    assert (small_run / name).read_text() == "mine"
    assert os.listdir(small_run.parent) == ["run"]


def test_what_is_written_in_the_moment_of_replacement(small_run, has_links, way, monkeypatch):
    where, name = (new_directory, "_exchange") if way == "at once" else (os, "replace")
    real, calls = getattr(where, name), []

    def late(one, other):
        if not calls and small_run in (one, other):
            calls.append(one)
            (small_run / "notes.txt").write_text("mine")
        return real(one, other)

    monkeypatch.setattr(where, name, late)
    with changed_run(small_run) as copy:
        (copy / "scores.json").write_text("new")
    monkeypatch.undo()
    assert len(calls) == 1
    assert (small_run / "notes.txt").read_text() == "mine"
    assert (small_run / "scores.json").read_text() == "new"
    assert os.listdir(small_run.parent) == ["run"]


def test_a_run_that_is_the_root_of_a_volume_is_refused_before_it_is_changed(
    small_run, tmp_path, monkeypatch
):
    (tmp_path / "mountinfo").write_text(f"37 35 98:0 / {small_run} rw - ext4 /dev/a rw")
    monkeypatch.setattr(files, "_MOUNTS", tmp_path / "mountinfo")
    with pytest.raises(InputError, match="run is the root of a volume"), changed_run(small_run):
        raise AssertionError
    with pytest.raises(InputError, match="run is the root of a volume"):
        save_model_atomically(small_translator(seed=1), small_run / "model.keras")
    assert (small_run / "model.keras").read_text() == "old"


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
