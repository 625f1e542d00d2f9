"""The files of two trainings of equal shapes, one in the place of the other's."""

import shutil
import warnings

import pytest

from keras_attention._validation import InputError
from keras_attention.runs.run_directory import read_config, read_model
from keras_attention.training.snapshots import snapshot_paths
from tests.runs.kept_trainings import begun, whole
from tests.runs.test_resume import history, warned, weights
from tests.runs.tiny_training import DATA, STEPS, At, tiny_train

OTHER = dict(learning_rate=0.0005)


def stop(model):
    raise KeyboardInterrupt


@pytest.fixture(scope="module", params=["average", "best"])
def runs(request, tmp_path_factory):
    """A run that was stopped after two epochs, another one, and the first one's end."""
    folder = tmp_path_factory.mktemp("runs")
    options = dict(epochs=3, selection=request.param)
    for name, others in (("own", {}), ("other", OTHER)):
        begun(folder / name, 2 * STEPS + 1, **options, **others)
        with pytest.raises(KeyboardInterrupt):  # with options to go on with
            tiny_train(
                folder / name,
                resume=True,
                selection=request.param,
                patience=5,
                callbacks=[At(1, stop)],
                snapshot_every=1,
            )
    end = shutil.copytree(folder / "own", folder / "whole")
    tiny_train(end, resume=True, selection=request.param)
    return folder, request.param


def names(run):
    """The files that a training which goes on may read."""
    paths = [path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()]
    return sorted(name for name in paths if not name.startswith("logs/"))


def test_each_file_of_a_run_that_goes_on(runs, tmp_path):
    folder, selection = runs
    expected = weights(folder / "whole"), history(folder / "whole"), read_config(folder / "whole")
    bound = [name for name in names(folder / "own") if "snapshots" in name]
    of_selection = {name for name in bound if f"/{selection}/" in name}
    assert any("config" in name for name in bound) and of_selection
    # All other files are the same whatever the selection.
    tried = names(folder / "own") if selection == "average" else of_selection
    refused = set()
    for name in sorted(tried):
        if not (folder / "other" / name).exists():
            continue
        run = shutil.copytree(folder / "own", tmp_path / name.replace("/", "-"))
        shutil.copy(folder / "other" / name, run / name)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            try:
                tiny_train(run, resume=True, selection=selection)
            except InputError as error:
                assert name.rpartition("/")[2] in str(error)
                refused.add(name)
                continue
        assert (weights(run), history(run), read_config(run)) == expected, name
        if "step-" in name and name.endswith(snapshot_paths(folder / "own" / "snapshots")[-1].name):
            assert any("is of another training. Falling back" in str(w.message) for w in said)
    if selection == "average":
        assert {"config.json", "data.json", "digests.json", "snapshots/config.json"} <= refused
    assert of_selection & refused


@pytest.mark.parametrize("selection", ["average", "best"])
def test_a_file_under_the_name_of_another_epoch(tmp_path, selection):
    options = dict(epochs=3, selection=selection, learning_rate=0.001)
    run = begun(tmp_path / "run", 2 * STEPS + 1, **options)
    first, last = sorted((run / "snapshots" / selection).iterdir())
    shutil.copy(first, last)
    with pytest.raises(InputError, match=f"{last.name}: not a readable .* or is of another"):
        tiny_train(run, resume=True, selection=selection)


def test_a_snapshot_under_the_name_of_another_step(tmp_path):
    run = begun(tmp_path / "run")
    expected = shutil.copytree(run, tmp_path / "expected")
    tiny_train(expected, resume=True)
    *_, before, newest = snapshot_paths(run / "snapshots")
    shutil.copy(before, newest)
    said = warned(lambda: tiny_train(run, resume=True))
    assert f"{newest.name}: it was written under another name, of 4. Falling back" in said
    assert weights(run) == weights(expected)


def test_snapshots_of_another_run_do_not_displace_its_own(tmp_path):
    """However many there are, and however late: its own are kept, and gone on from."""
    run, other = begun(tmp_path / "run"), tmp_path / "other"
    tiny_train(other, epochs=6, snapshot_every=1, **OTHER)
    for path in snapshot_paths(other / "snapshots"):
        shutil.copy(path, run / "snapshots" / path.name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(KeyboardInterrupt):
            tiny_train(run, resume=True, callbacks=[At(2, stop)])
    steps = [int(path.stem.split("-")[1]) for path in snapshot_paths(run / "snapshots")]
    assert steps and max(steps) < 2 * STEPS
    tiny_train(run, resume=True)
    assert weights(run) == weights(whole())


@pytest.mark.parametrize("name", ["digests.json", "data.json", "config.json"])
@pytest.mark.parametrize("is_finished", [False, True])
def test_a_run_is_refused_without_the_files_that_it_must_have(tmp_path, name, is_finished):
    run = tmp_path / "run"
    if is_finished:
        shutil.copytree(whole(), run)
    else:
        begun(run)
    (run / name).unlink()
    said = "run already exists" if name == "config.json" else f"{name} (cannot be read|is missing)"
    with pytest.raises(InputError, match=said):
        tiny_train(run, resume=True, epochs=3)


@pytest.mark.parametrize("entries", ["{}", None])
def test_digests_that_leave_files_out(tmp_path, entries):
    run = begun(tmp_path / "run")
    if entries is None:
        text = (run / "digests.json").read_text()
        entries = text.replace('"data.json"', '"tokenizer/../data.json"')
    (run / "digests.json").write_text(entries)
    with pytest.raises(InputError, match="digests.json: expected "):
        tiny_train(run, resume=True)


def test_data_that_the_run_did_not_have(tmp_path):
    """Initial weights that are given when it goes on would change nothing."""
    from keras_attention.runs.training_run import TrainingRun
    from tests.runs.tiny_training import TinyConfig

    run = begun(tmp_path / "run")
    data = {"training data": DATA, "validation data": DATA}
    with TrainingRun(TinyConfig.for_preset(), run, resume=True, quiet=True) as training:
        training.require_data(**data, **{"initial weights": None})
        with pytest.raises(InputError, match="other data: its initial weights differ"):
            training.require_data(**data, **{"initial weights": [1.0]})
    read_config(run)


def test_a_model_of_another_run(tmp_path):
    own = shutil.copytree(whole(), tmp_path / "own")
    shutil.copy(whole(**OTHER) / "model.keras", own / "model.keras")
    with pytest.raises(InputError, match="model.keras has been changed"):
        read_model(own)
