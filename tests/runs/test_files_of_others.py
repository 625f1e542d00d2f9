"""What trainings do with files that they have not written, and with a run where none can be."""

import os
import shutil

import pytest

from keras_attention import files
from keras_attention._validation import InputError
from keras_attention.files import temporary_name
from keras_attention.output_lock import output_lock
from keras_attention.runs.run_directory import read_config
from tests.runs.kept_trainings import begun, stop, whole
from tests.runs.mutations import contents
from tests.runs.tiny_training import At, tiny_train

# Hidden files beside our own, and such whose names begin as ours do.
MINE = (
    ".notes.markdown",
    ".model.mybackup.keras",
    ".env.20240101",
    "snapshots/.env.settings",
    "snapshots/.step-by-step.md",
    "snapshots/step-by-step.safetensors",
    "snapshots/{0}/.{1}-0001.safetensors.original",
    "snapshots/{0}/{1}-of-mine.safetensors",
    "snapshots/{0}/{1}-0009.safetensors.bak",
)


@pytest.mark.parametrize(("selection", "prefix"), [("average", "epoch"), ("best", "best")])
def test_a_training_that_goes_on_keeps_the_files_of_others(tmp_path, selection, prefix):
    run = begun(tmp_path / "run", selection=selection)
    mine = [run / name.format(selection, prefix) for name in MINE]
    for path in mine:
        path.write_text("mine")
    half = temporary_name(run / "history.csv")
    half.write_text("epo")
    tiny_train(run, resume=True, selection=selection)
    tiny_train(run, resume=True, epochs=6, selection=selection)  # which makes it a new directory
    assert read_config(run)["epochs"] == 6
    assert {path.name: path.read_text() for path in mine} == {path.name: "mine" for path in mine}
    assert not half.exists()
    with pytest.raises(
        InputError, match="run is a run that also holds .* and [68] more; it is not"
    ):
        tiny_train(run, force=True)


def test_what_is_written_into_a_run_while_it_is_saved_is_kept(tmp_path, monkeypatch):
    run = shutil.copytree(whole(), tmp_path / "run")

    def finish(directory, data):
        (run / "notes.txt").write_text("mine")
        files.write_atomically(directory, data)

    monkeypatch.setattr("tests.runs.tiny_training.write_atomically", finish)
    tiny_train(run, resume=True, epochs=3)
    assert read_config(run)["epochs"] == 3
    assert (run / "notes.txt").read_text() == "mine"


def test_a_training_that_could_not_be_saved_at_its_end_does_not_begin(tmp_path, monkeypatch):
    """In a volume of a container, whose root no other directory can replace."""
    run, new = tmp_path / "run", tmp_path / "new"
    shutil.copytree(whole(selection="best"), run)
    new.mkdir()
    lines = [f"37 35 98:0 / {path} rw - ext4 /dev/a rw" for path in (run, new)]
    (tmp_path / "mountinfo").write_text("\n".join(lines))
    monkeypatch.setattr(files, "_MOUNTS", tmp_path / "mountinfo")
    before = contents(run)
    with pytest.raises(InputError, match="because it is the root of a volume. Copy it to another"):
        tiny_train(run, resume=True, epochs=3, selection="best", callbacks=[At(1, stop)])
    with pytest.raises(InputError, match="run is the root of a volume"):
        tiny_train(run, force=True, callbacks=[At(1, stop)])
    assert contents(run) == before
    for how in ({}, {"force": True}, {"resume": True}):
        with pytest.raises(InputError, match="new (already exists and )?is the root of a volume"):
            tiny_train(new, callbacks=[At(1, stop)], **how)
    assert os.listdir(new) == []


def test_an_interrupted_run_goes_on_in_the_root_of_a_volume(tmp_path, monkeypatch):
    run = begun(tmp_path / "run")
    (tmp_path / "mountinfo").write_text(f"37 35 98:0 / {run} rw - ext4 /dev/a rw")
    monkeypatch.setattr(files, "_MOUNTS", tmp_path / "mountinfo")
    tiny_train(run, resume=True)
    assert (run / "model.keras").exists()


def test_a_run_behind_a_link_that_is_aside_goes_on(tmp_path):
    """Its process was killed between two renames."""
    run = begun(tmp_path / "data" / "run")
    (tmp_path / "run").symlink_to("data/run")
    aside = tmp_path / "data" / ".run.old-0a1b2c3d"
    aside.mkdir()
    os.replace(run, aside / "run")
    tiny_train(tmp_path / "run", resume=True)
    assert (run / "model.keras").exists()
    assert os.listdir(tmp_path / "data") == ["run"]
    assert os.readlink(tmp_path / "run") == "data/run"


def test_a_file_with_the_name_of_the_lock_is_kept(tmp_path):
    (tmp_path / ".run.lock").write_text("my notes")
    with pytest.raises(InputError, match=".run.lock has the name of a lock but is none"):
        tiny_train(tmp_path / "run")
    with pytest.raises(InputError, match=".run.lock has the name"), output_lock(tmp_path / "run"):
        pass
    assert (tmp_path / ".run.lock").read_text() == "my notes"
    assert os.listdir(tmp_path) == [".run.lock"]
