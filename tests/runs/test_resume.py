"""`resume` with other options and other data, after what is not a number, and after damage."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest

from keras_attention._validation import InputError
from keras_attention.runs.run_directory import read_config, read_model, verify_digests
from keras_attention.training.snapshot_file import pack, read_snapshot
from keras_attention.training.snapshots import snapshot_paths
from tests.runs.kept_trainings import Stop, begun, stop, whole
from tests.runs.mutations import contents
from tests.runs.tiny_training import DATA, STEPS, At, tiny_train


def warned(function):
    """The warnings of this package while a function runs; those of Keras are of no interest."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function()
    return "\n".join(str(w.message) for w in caught if w.category is UserWarning)


def weights(run):
    return [array.tolist() for array in read_model(run).get_weights()]


def history(run):
    with open(run / "history.csv", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def copied(tmp_path):
    """A run of two epochs."""
    return shutil.copytree(whole(), tmp_path / "run")


# Options


def test_more_epochs_are_trained_of_a_finished_run(copied, tmp_path):
    before = weights(copied)
    assert tiny_train(copied, resume=True, epochs=4) is not None
    assert weights(copied) == weights(whole(epochs=4)) != before
    assert history(copied) == history(whole(epochs=4))
    assert read_config(copied)["epochs"] == 4
    assert sorted(os.listdir(copied)) == sorted(os.listdir(whole(epochs=4)))
    assert not (copied / "snapshots" / "config.json").exists()
    assert tiny_train(copied, resume=True, epochs=4) is None
    assert sorted(os.listdir(tmp_path)) == ["run"]


def test_a_finished_run_serves_until_it_has_more_epochs(copied):
    """Whoever is killed leaves the old model, config and digests, and the options to go on with."""
    before = {name: (copied / name).read_bytes() for name in ("model.keras", "config.json")}
    with pytest.raises(Stop):
        tiny_train(copied, resume=True, epochs=4, callbacks=[At(STEPS + 1, stop)])
    assert {name: (copied / name).read_bytes() for name in before} == before
    read_model(copied)
    tiny_train(copied, resume=True)  # without the option: it has been taken
    assert read_config(copied)["epochs"] == 4
    assert [row["epoch"] for row in history(copied)] == ["0", "1", "2", "3"]


def test_a_rate_that_is_given_is_taken(tmp_path):
    run = begun(tmp_path / "run")
    other = shutil.copytree(run, tmp_path / "other")
    tiny_train(run, resume=True)
    tiny_train(other, resume=True, learning_rate=0.002)
    assert weights(run) != weights(other)
    assert [read_config(path)["learning_rate"] for path in (run, other)] == [0.001, 0.002]
    tiny_train(other, resume=True, learning_rate=0.002)  # finished, and nothing differs
    verify_digests(other)


def test_a_default_that_is_given_is_given(tmp_path):
    run = begun(tmp_path / "run", learning_rate=0.01)
    tiny_train(run, resume=True, learning_rate=0.001)
    assert read_config(run)["learning_rate"] == 0.001


def test_an_option_of_a_group_leaves_the_others(tmp_path):
    run = begun(tmp_path / "run", decoding={"beam_size": 4, "length_penalty": 0.6})
    tiny_train(run, resume=True, decoding={"beam_size": 2})
    assert read_config(run)["decoding"] == {"beam_size": 2, "length_penalty": 0.6}


def test_a_mean_of_more_epochs_than_were_kept(tmp_path):
    """It is refused, and both ways out of the message work."""
    run = tmp_path / "run"
    tiny_train(run, epochs=3, average_checkpoints=1)
    before = contents(run)
    said = "`average_checkpoints` 3 takes the weights of epoch 2 too, which .*run has not kept. "
    with pytest.raises(InputError, match=f"{said}Give at most 2, or `epochs` 5 or more"):
        tiny_train(run, resume=True, epochs=4, average_checkpoints=3)
    with pytest.raises(InputError, match="takes the weights of epoch 1, 2 too.* or `epochs` 5 or"):
        tiny_train(run, resume=True, average_checkpoints=3)
    assert contents(run) == before
    two = shutil.copytree(run, tmp_path / "two")
    tiny_train(two, resume=True, epochs=4, average_checkpoints=2)
    tiny_train(run, resume=True, epochs=5, average_checkpoints=3)
    assert weights(two) == weights(whole(epochs=4))  # two are the default
    assert weights(run) == weights(whole(epochs=5, average_checkpoints=3))


def test_a_finished_run_takes_another_mean_of_what_it_kept(copied):
    tiny_train(copied, resume=True, average_checkpoints=1)
    assert weights(copied) == weights(whole(average_checkpoints=1))
    assert read_config(copied)["average_checkpoints"] == 1


def test_a_finished_run_takes_how_its_model_answers(copied):
    before = weights(copied)
    assert tiny_train(copied, resume=True, decoding={"beam_size": 4}) is None
    assert read_config(copied)["decoding"] == {"beam_size": 4}
    assert weights(copied) == before
    with pytest.raises(InputError, match="so `learning_rate` would change nothing"):
        tiny_train(copied, resume=True, learning_rate=0.5, decoding={"beam_size": 2})
    assert read_config(copied)["decoding"] == {"beam_size": 4}


@pytest.mark.parametrize(("option", "value"), [("size", 3), ("seed", 7), ("dropout", 0.5)])
def test_what_cannot_change_is_refused_by_name(copied, tmp_path, option, value):
    own = {"size": 1, "seed": 0, "dropout": 0.0}[option]
    for run in (copied, begun(tmp_path / "begun")):
        before = contents(run)
        said = rf"was begun with `{option}` {own}, not {value}; a training that goes on cannot"
        with pytest.raises(InputError, match=said):
            tiny_train(run, resume=True, learning_rate=0.5, **{option: value})
        assert contents(run) == before


def test_several_are_all_named(copied):
    with pytest.raises(InputError, match="begun with `seed` 0, not 1, `size` 1, not 2; "):
        tiny_train(copied, resume=True, seed=1, size=2, epochs=3)


def test_what_comes_too_late_is_refused(copied):
    before = contents(copied)
    said = "finished after 2 epochs, so `learning_rate` would change nothing. .* `epochs` more than"
    with pytest.raises(InputError, match=said):
        tiny_train(copied, resume=True, learning_rate=0.5)
    with pytest.raises(InputError, match="so `epochs` would change nothing"):
        tiny_train(copied, resume=True, epochs=1)
    assert contents(copied) == before
    tiny_train(copied, resume=True, learning_rate=0.5, epochs=3)
    assert read_config(copied)["learning_rate"] == 0.5


def test_fewer_epochs_than_were_begun(tmp_path):
    run = begun(tmp_path / "run", step=2 * STEPS + 2, epochs=5)
    with pytest.raises(InputError, match="`epochs` must be 3 or more: so many has .*run begun"):
        tiny_train(run, resume=True, epochs=2)
    tiny_train(run, resume=True, epochs=3)
    assert len(history(run)) == 3


def test_more_patience(tmp_path):
    run = tmp_path / "run"
    # It gets worse with every update.
    tiny_train(run, selection="best", learning_rate=0.03, epochs=5, patience=1)
    epochs = len(history(run))
    assert epochs < 5
    with pytest.raises(InputError, match="changes nothing alone. Give a greater `patience` too"):
        tiny_train(run, selection="best", resume=True, epochs=6)
    tiny_train(run, selection="best", resume=True, epochs=6, patience=3)
    assert len(history(run)) > epochs
    assert tiny_train(run, selection="best", resume=True) is None


# Data


def test_other_data_are_refused(copied, tmp_path):
    run = begun(tmp_path / "begun")
    for path, options in ((run, {}), (copied, {"epochs": 3})):
        before = contents(path)
        with pytest.raises(
            InputError, match="begun with other data: its training data differ from"
        ):
            tiny_train(path, resume=True, data=[*DATA[1:], 9.0], **options)
        assert contents(path) == before


def test_the_same_data_elsewhere_are_the_same(tmp_path):
    run = begun(tmp_path / "run", train="here.txt")
    tiny_train(run, resume=True, train="there.txt")
    assert read_config(run)["train"] == "there.txt"


def test_another_name_of_the_same_file_is_no_other_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tiny_train("run", train="data.txt")
    assert tiny_train("run", resume=True, train=str(tmp_path / "data.txt")) is None
    with pytest.raises(InputError, match="so `train` would change nothing"):
        tiny_train("run", resume=True, train="other.txt")


# What is not a number


@pytest.mark.parametrize(
    ("step", "selection"), [(STEPS + 2, None), (2 * STEPS, "best"), (3 * STEPS, "average")]
)
def test_weights_that_break_with_a_finite_loss(tmp_path, step, selection):
    """The update that breaks them has a finite loss; the advice of the message works."""
    run = tmp_path / "run"
    options = dict(epochs=3, selection=selection)
    breaks = At(
        step,
        lambda model: model.set_weights([np.full_like(w, np.inf) for w in model.get_weights()]),
    )
    with pytest.raises(InputError) as caught:
        tiny_train(run, snapshot_every=1, callbacks=[breaks], **options)
    (named,) = re.findall(r"\S+step-(\d+)\.safetensors", str(caught.value))
    assert int(named) == step - 1
    assert "with a lower learning rate" in str(caught.value) and "`resume`" in str(caught.value)
    assert not (run / "model.keras").exists()
    for path in snapshot_paths(run / "snapshots"):
        assert all(np.isfinite(array).all() for array in read_snapshot(path)[0].values())
    tiny_train(run, resume=True, learning_rate=0.0005, **options)
    read_model(run)  # which refuses weights that are not finite
    assert read_config(run)["learning_rate"] == 0.0005
    assert all(np.isfinite(float(row["val_loss"])) for row in history(run))


def test_without_a_snapshot_the_advice_works_too(tmp_path):
    run = tmp_path / "run"
    with pytest.raises(InputError, match="There is no good snapshot: begin with a lower learning"):
        tiny_train(run, learning_rate=1e38)
    tiny_train(run, resume=True, learning_rate=0.001)
    assert weights(run) == weights(whole())  # it is the default


def test_a_snapshot_of_a_former_version_that_is_not_finite(tmp_path):
    run = begun(tmp_path / "run")
    newest = snapshot_paths(run / "snapshots")[-1]
    arrays, position = read_snapshot(newest)
    broken = {n: np.full_like(a, np.nan) if a.dtype.kind == "f" else a for n, a in arrays.items()}
    newest.write_bytes(pack(broken, position))
    said = warned(lambda: tiny_train(run, resume=True))
    assert f"{newest.name}: the snapshot holds numbers that are not finite. Falling back" in said
    read_model(run)


def test_a_model_that_is_not_finite_is_not_saved(copied):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.set_weights([w * np.nan for w in model.get_weights()])
    before = contents(copied)
    from keras_attention.runs.run_directory import save_model_atomically

    with pytest.raises(InputError, match="run: not written, for the model holds numbers that are"):
        save_model_atomically(model, copied / "model.keras")
    assert contents(copied) == before


# Damage


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:-3],
        lambda text: text.replace("0,", "7,", 1) + "\x00\ufffdx,y\n\n,,",
    ],
)
def test_a_torn_history_is_written_anew(tmp_path, spoil):
    run = begun(tmp_path / "run")
    text = (run / "history.csv").read_text()
    (run / "history.csv").write_text(spoil(text))
    tiny_train(run, resume=True)
    assert (run / "history.csv").read_text() == (whole() / "history.csv").read_text()


@pytest.mark.parametrize("name", ["config.json", "data.json", "tokenizer/vocab.txt"])
def test_files_that_resuming_reads_have_digests(tmp_path, name):
    run = begun(tmp_path / "run")
    data = (run / name).read_bytes()
    (run / name).write_bytes(data.replace(b"1", b"2") if b"1" in data else data.upper())
    with pytest.raises(InputError, match=f"{name} has been changed"):
        tiny_train(run, resume=True)


def test_a_changed_label_is_found(copied):
    config = json.loads((copied / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps({**config, "seed": 9}, indent=2))
    with pytest.raises(InputError, match="config.json has been changed"):
        read_model(copied)


def test_options_of_a_run_that_goes_on_have_a_digest(copied):
    with pytest.raises(Stop):
        tiny_train(copied, resume=True, epochs=4, callbacks=[At(1, stop)])
    path = copied / "snapshots" / "config.json"
    path.write_text(path.read_text().replace('"epochs": 4', '"epochs": 9'))
    with pytest.raises(InputError, match="config.json has been changed: it is not as its sha256"):
        tiny_train(copied, resume=True)


@pytest.mark.parametrize(
    ("selection", "said"),
    [("average", "the mean of the other epochs"), ("best", "the best epoch before it")],
)
def test_weights_of_epochs_have_digests(tmp_path, selection, said):
    run = begun(tmp_path / "run", 2 * STEPS + 1, epochs=3, selection=selection)
    path = sorted((run / "snapshots" / selection).iterdir())[-1]
    data = bytearray(path.read_bytes())
    data[-1] ^= 1  # of a weight: it is still a safetensors file
    path.write_bytes(data)
    refused = f"{path.name}: not a readable checkpoint; .* Delete it to go on with {said}"
    with pytest.raises(InputError, match=refused):
        tiny_train(run, resume=True, selection=selection)
    path.unlink()  # the advice works
    tiny_train(run, resume=True, selection=selection)
    read_model(run)


def test_the_best_of_epochs_that_are_trained_anew_is_forgotten(tmp_path):
    run = begun(tmp_path / "run", 2 * STEPS + 1, epochs=3, selection="best")
    earliest, *later = snapshot_paths(run / "snapshots")
    for path in later:
        path.unlink()
    arrays, position = read_snapshot(earliest)
    assert position["step"] == 2 * STEPS - 2  # within the second epoch, which was the best so far
    tiny_train(run, resume=True, selection="best", learning_rate=1e-30)
    # At this rate nothing changes any more: the second epoch is what it is now, not what it was.
    own = [arrays[f"model/{i:04d}"].tolist() for i in range(2)]
    assert weights(run) == own


# Two writers, and kills


def started(run, *how):
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.runs.tiny_training", str(run), *how],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "begun\n"
    return process


def test_two_trainings_of_one_run(tmp_path):
    run = tmp_path / "run"
    process = started(run)
    try:
        before = read_config(run), (run / "history.csv").read_bytes()
        for how in ({}, {"resume": True}, {"force": True}):
            with pytest.raises(InputError, match=rf"another process \(process {process.pid} on"):
                tiny_train(run, **how)
        assert (read_config(run), (run / "history.csv").read_bytes()) == before
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert sorted(os.listdir(tmp_path)) == [".run.lock", "run"]
    tiny_train(run, resume=True)  # the lock has died with its process
    assert weights(run) == weights(whole())
    assert sorted(os.listdir(tmp_path)) == ["run"]


def test_model_config_and_digests_change_together(copied, monkeypatch):
    """Killed at any moment while a finished run is saved anew, it is the old one or the new one."""
    from keras_attention.runs import run_directory

    longer = shutil.copytree(copied, copied.parent / "longer")
    tiny_train(longer, resume=True, epochs=3)
    for name in ("write_config", "write_digests"):
        run = shutil.copytree(copied, copied.parent / name)
        module = sys.modules["keras_attention.runs.training_run"]
        holder = module if name == "write_config" else run_directory

        def dies(*arguments, **options):
            raise Stop

        monkeypatch.setattr(holder, name, dies)
        with pytest.raises(Stop):
            tiny_train(run, resume=True, epochs=3)
        monkeypatch.undo()
        assert weights(run) == weights(copied)
        assert read_config(run) == read_config(copied)
        tiny_train(run, resume=True)
        assert weights(run) == weights(longer)
        assert read_config(run) == read_config(longer)
