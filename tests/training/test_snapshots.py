import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_attention._validation import InputError
from keras_attention.files import temporary_name
from keras_attention.training import (
    PreemptionHandler,
    Snapshots,
    StopAtNaN,
    restore_latest,
    save_snapshot,
)
from keras_attention.training.snapshot_file import pack, read_snapshot
from keras_attention.training.snapshots import snapshot_paths
from keras_attention.training.training_state import training_state
from tests.training.snapshot_run import EPOCHS, STEPS, batches, build, fit, train

pytest.importorskip("safetensors", reason="snapshots are safetensors files")


def trained(updates=3):
    model = build()
    fit(model, 0, STEPS - updates)
    return model


@pytest.fixture(scope="module")
def model():
    """A trained model. Not to be trained on."""
    return trained()


def state(model):
    return {name: v.numpy() for name, v in training_state(model).items()}


def assert_same(left, right):
    assert left.keys() == right.keys()
    for name in left:
        np.testing.assert_array_equal(left[name], right[name], err_msg=name)


def test_round_trip_of_weights_optimizer_and_seeds(tmp_path):
    model = trained()
    position = {"step": 3, "epoch": 0, "step_in_epoch": 3}
    path = save_snapshot(tmp_path, model, position)
    assert path.name == "step-000000003.safetensors"
    again = build()
    assert restore_latest(tmp_path, again) == (position, {})
    assert_same(state(again), state(model))
    assert int(again.optimizer.iterations) == 3
    seeds = [v for v in again.variables if "seed" in v.path]
    assert seeds and any(v.numpy().any() for v in seeds)
    for each in (model, again):  # the same dropout masks from here on
        fit(each, 1)
    assert_same(state(again), state(model))


def test_the_loss_scale_is_part_of_it(tmp_path):
    def scaled():
        model = build()
        optimizer = keras.optimizers.LossScaleOptimizer(
            keras.optimizers.Adam(0.1), initial_scale=8.0, dynamic_growth_steps=2
        )
        model.compile(optimizer=optimizer, loss="mse")
        return model

    model = scaled()
    fit(model, 0, STEPS - 3)
    assert float(model.optimizer.dynamic_scale.numpy()) == 16.0  # after two steps, and one more
    save_snapshot(tmp_path, model, {"step": 3})
    again = scaled()
    restore_latest(tmp_path, again)
    assert float(again.optimizer.dynamic_scale.numpy()) == 16.0
    for each in (model, again):
        fit(each, 1)
    assert_same(state(again), state(model))


def test_nothing_to_restore(tmp_path):
    assert restore_latest(tmp_path, build()) is None
    assert restore_latest(tmp_path / "missing", build()) is None


def test_keeps_the_last_and_sweeps_what_was_half_written(tmp_path, model):
    temporary_name(tmp_path / "step-000000001.safetensors").write_bytes(b"half")
    for step in (1, 2, 30):
        save_snapshot(tmp_path, model, {"step": step}, keep=2)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["step-000000002.safetensors", "step-000000030.safetensors"]


def test_files_of_other_people_beside_snapshots_are_kept(tmp_path, model):
    own = {
        ".step-by-step.md",
        ".step-000000001.safetensors.mybackup",
        ".step-1.keras-attention-aaaaaaaa",
    }
    for name in own:
        (tmp_path / name).write_text("mine")
    save_snapshot(tmp_path, model, {"step": 1})
    assert {path.name for path in tmp_path.iterdir()} - own == {"step-000000001.safetensors"}
    assert all((tmp_path / name).read_text() == "mine" for name in own)


def torn(data):
    return data[: len(data) // 2]


def empty(data):
    return b""


def flipped_value(data):
    return data[:-5] + bytes([data[-5] ^ 1]) + data[-4:]


def flipped_position(data):
    assert b'\\"step\\": 9' in data
    return data.replace(b'\\"step\\": 9', b'\\"step\\": 8')


@pytest.fixture(scope="module")
def two_snapshots(tmp_path_factory):
    """A folder with snapshots of the steps 3 and 9, and the state at step 3."""
    folder, model = tmp_path_factory.mktemp("two"), trained()
    save_snapshot(folder, model, {"step": 3})
    kept = state(model)
    fit(model, 1)
    save_snapshot(folder, model, {"step": 9})
    return folder, kept


@pytest.mark.parametrize("damage", [torn, empty, flipped_value, flipped_position])
def test_falls_back_past_a_damaged_file_and_says_so(tmp_path, two_snapshots, damage):
    whole, kept = two_snapshots
    folder = shutil.copytree(whole, tmp_path / "damaged")
    path = snapshot_paths(folder)[-1]
    path.write_bytes(damage(path.read_bytes()))
    again = build()
    with pytest.warns(UserWarning, match=r"step-000000009\.safetensors: .* Falling back"):
        assert restore_latest(folder, again) == ({"step": 3}, {})
    assert_same(state(again), kept)


def test_snapshot_of_another_model(tmp_path, model):
    save_snapshot(tmp_path, model, {"step": 3})
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
    other.compile(optimizer="sgd", loss="mse")
    before = state(other)
    with pytest.raises(InputError, match="the snapshot is of another model or optimizer"):
        restore_latest(tmp_path, other)
    assert_same({name: state(other)[name] for name in before}, before)


@pytest.fixture(scope="module")
def of_an_epoch(tmp_path_factory):
    """The files of snapshots that a callback writes in an epoch. Not to be changed."""
    folder = tmp_path_factory.mktemp("epoch")
    snapshots = Snapshots(folder, steps_per_epoch=STEPS, every_steps=3, keep=9)
    fit(build(), 0, callbacks=[snapshots])
    return snapshot_paths(folder)


def test_callback_positions(of_an_epoch):
    rest = {"callbacks": [], "stopped": False}
    positions = [read_snapshot(path)[1] for path in of_an_epoch]
    assert positions == [
        {"step": 3, "epoch": 0, "step_in_epoch": 3, **rest},
        {"step": 6, "epoch": 0, "step_in_epoch": 6, **rest},
        {"step": 7, "epoch": 1, "step_in_epoch": 0, **rest},
    ]


def wait_for_step(directory, step, process):
    deadline = time.time() + 400
    while time.time() < deadline:
        assert process.poll() is None, process.stderr.read()[-3000:]
        paths = snapshot_paths(directory)
        if paths and int(paths[-1].stem.split("-")[1]) >= step:
            return
        time.sleep(0.005)
    raise AssertionError(f"no snapshot of step {step} after 400 s")


def start(directory, seconds, epochs=EPOCHS):
    module = "tests.training.snapshot_run"
    command = [sys.executable, "-m", module, str(directory), str(seconds), str(epochs)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def whole_run(directory, epochs=EPOCHS):
    """What a run ends with that nothing interrupts, and its rows of losses."""
    directory.mkdir()
    return train(directory, epochs=epochs), (directory / "log.csv").read_text()


def assert_ends_like(directory, expected, epochs=EPOCHS):
    """A last process in `directory` leaves what a whole run leaves, bit by bit; its output."""
    process = start(directory, 0, epochs)
    out, err = process.communicate(timeout=400)
    assert process.returncode == 0, err[-3000:]
    with np.load(directory / "final.npz") as final:
        assert_same(dict(final), expected[0])
    # Losses of epochs that were begun anew stand there twice.
    rows = set((directory / "log.csv").read_text().splitlines())
    assert rows == set(expected[1].splitlines())
    return out, err


def kill_at(directory, step, number):
    process = start(directory, 0.2)
    wait_for_step(directory, step, process)
    os.kill(process.pid, number)
    out, err = process.communicate(timeout=400)
    return process.returncode, out


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """What a run ends with that nothing interrupts, and its rows of losses."""
    found = whole_run(tmp_path_factory.mktemp("expected") / "whole")
    assert len(found[1].splitlines()) == 1 + EPOCHS  # early stopping ended it
    return found


def newest_step(directory):
    return int(snapshot_paths(directory)[-1].stem.split("-")[1])


def stopped_at(directory, step, number):
    """A signal ends a process of training, with a snapshot: the step of it."""
    status, out = kill_at(directory, step, number)
    assert status == 128 + number
    newest, step = snapshot_paths(directory)[-1], newest_step(directory)
    assert f"stopped at step {step}; the snapshot is {newest}. Go on with `resume`." in out
    return step


def test_killed_torn_and_stopped_by_a_signal_ends_bit_identical(tmp_path, expected):
    status, _ = kill_at(tmp_path, 4, signal.SIGKILL)
    assert status == -signal.SIGKILL
    assert restore_latest(tmp_path, build())[0]["step"] >= 4
    newest, reached = snapshot_paths(tmp_path)[-1], newest_step(tmp_path)
    newest.write_bytes(torn(newest.read_bytes()))  # by the machine
    step = stopped_at(tmp_path, reached + 2, signal.SIGTERM)
    out, _ = assert_ends_like(tmp_path, expected)
    assert f"starting at step {step}\n" in out and step < EPOCHS * STEPS


@pytest.mark.slow
def test_killed_twice_ends_bit_identical(tmp_path, expected):
    directory = tmp_path / "killed"
    directory.mkdir()
    for step in (4, 10):  # both within an epoch
        status, _ = kill_at(directory, step, signal.SIGKILL)
        assert status == -signal.SIGKILL
        assert restore_latest(directory, build())[0]["step"] >= step
    newest = snapshot_paths(directory)[-1]  # and the machine tears the newest file
    newest.write_bytes(torn(newest.read_bytes()))
    out, _ = assert_ends_like(directory, expected)
    assert 4 <= int(out.split("starting at step ")[1].split()[0]) < EPOCHS * STEPS


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_training_at_a_step_with_a_snapshot(tmp_path, expected, number):
    step = stopped_at(tmp_path, 2, number)
    out, _ = assert_ends_like(tmp_path, expected)
    assert f"starting at step {step}\n" in out


@pytest.mark.slow
def test_killed_at_twenty_random_steps_torn_and_flipped(tmp_path):
    epochs = 12  # 84 updates
    expected = whole_run(tmp_path / "whole", epochs)
    directory = tmp_path / "killed"
    directory.mkdir()
    random = np.random.default_rng(20)
    reached = 0
    for kill in range(20):
        process = start(directory, 0.05, epochs)
        wait_for_step(directory, reached + 1, process)
        time.sleep(0.05 * random.integers(0, 4))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        if kill % 5 == 4:  # and the newest file is lost in one way or the other
            newest = snapshot_paths(directory)[-1]
            newest.write_bytes([torn, flipped_value][kill % 2](newest.read_bytes()))
        else:
            reached = newest_step(directory)
    assert reached < STEPS * epochs
    out, _ = assert_ends_like(directory, expected, epochs)
    assert int(out.split("starting at step ")[1].split()[0]) >= 20


def test_a_loss_that_is_no_number_ends_training(tmp_path):
    model = build()
    x, y = next(batches(0, 0))
    data = [(x, y)] * 5 + [(x * np.nan, y)] + [(x, y)]
    callbacks = [
        StopAtNaN(tmp_path, STEPS, describe=lambda epoch, step: f"rows of {epoch}, {step}"),
        Snapshots(tmp_path, STEPS, every_steps=2),
    ]
    with pytest.raises(InputError) as caught:
        model.fit(
            (pair for pair in data),
            steps_per_epoch=STEPS,
            shuffle=False,
            verbose=0,
            callbacks=callbacks,
        )
    last = snapshot_paths(tmp_path)[-1]
    assert last.name == "step-000000004.safetensors"
    assert "not a number after batch 6 of epoch 1 (rows of 0, 5)" in str(caught.value)
    assert f"The last good snapshot is {last}" in str(caught.value)
    assert all(np.isfinite(array).all() for array in read_snapshot(last)[0].values())


def test_a_second_signal_acts_at_once():
    # A shell's background jobs ignore it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            with PreemptionHandler() as interruption:
                os.kill(os.getpid(), signal.SIGINT)
                assert interruption.signal == signal.SIGINT
                os.kill(os.getpid(), signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_metrics_cannot_be_restored_without_a_batch(tmp_path, of_an_epoch):
    shutil.copy(of_an_epoch[0], tmp_path)
    again, resumed = build(), Snapshots(tmp_path, STEPS)
    assert resumed.restore(again) == (0, 3)
    with pytest.raises(ValueError, match="`batch` must be one of training"):
        fit(again, 0, 3, [resumed])


@pytest.mark.parametrize("left", [slice(0), slice(1), slice(1, None)])
def test_a_snapshot_within_an_epoch_that_lacks_state(tmp_path, of_an_epoch, left):
    """One sentence, which names the file."""
    first = Path(shutil.copy(of_an_epoch[0], tmp_path))
    arrays, position = read_snapshot(first)
    metrics = sorted(name for name in arrays if name.startswith("metric/"))
    assert len(metrics) > 2
    kept = {name: arrays[name] for name in arrays if name not in metrics}
    first.write_bytes(pack({**kept, **{name: arrays[name] for name in metrics[left]}}, position))
    again, resumed = build(), Snapshots(tmp_path, STEPS)
    assert resumed.restore(again, next(batches(0, 0))) == (0, 3)
    said = f"{first.name}: the snapshot is of a training with other metrics or callbacks"
    with pytest.raises(InputError, match=said):
        fit(again, 0, 3, [resumed])


def test_a_snapshot_that_lacks_the_state_of_a_callback(tmp_path):
    fit(build(), 0, callbacks=[Snapshots(tmp_path, STEPS)])
    stopping = keras.callbacks.EarlyStopping()
    with pytest.raises(InputError, match="expected the state of 1 callbacks. Received: of 0"):
        Snapshots(tmp_path, STEPS, state_of=[stopping]).restore(build())


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="makes a model of TensorFlow")
def test_the_losses_of_several_outputs_are_restored_within_an_epoch(tmp_path):
    from tests.training.exact_models import two_output_model

    random = np.random.default_rng(0)
    rows = [
        (
            random.normal(size=(5, 3)).astype("f"),
            {"kind": random.integers(0, 4, 5), "amount": random.normal(size=(5, 1)).astype("f")},
        )
        for _ in range(4)
    ]

    def build():
        model = two_output_model()
        sparse = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("sgd", {"kind": sparse, "amount": "mse"}, metrics={"kind": ["accuracy"]})
        return model

    def fit(model, first, snapshots):
        return model.fit(
            (row for row in rows[first:]),
            steps_per_epoch=4 - first,
            shuffle=False,
            verbose=0,
            callbacks=[snapshots],
        ).history

    expected = fit(build(), 0, Snapshots(tmp_path, 4, every_steps=2))
    for path in snapshot_paths(tmp_path)[1:]:
        path.unlink()
    again, resumed = build(), Snapshots(tmp_path, 4)
    assert resumed.restore(again, rows[0]) == (0, 2)
    assert fit(again, 2, resumed) == expected
    assert {"kind_loss", "amount_loss"} < set(expected)
