import os
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

from keras_attention._validation import InputError
from keras_attention.training import Snapshots, restore_latest, save_snapshot
from keras_attention.training.snapshots import _variables, read_snapshot, snapshot_paths
from tests.training.snapshot_run import EPOCHS, STEPS, build, fit, train

pytest.importorskip("safetensors", reason="snapshots are safetensors files")


def trained(updates=3):
    model = build()
    fit(model, 0, STEPS - updates)
    return model


def state(model):
    return {name: v.numpy() for name, v in _variables(model).items()}


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
    assert restore_latest(tmp_path, again) == position
    assert_same(state(again), state(model))
    assert int(again.optimizer.iterations) == 3
    seeds = [v for v in again.variables if "seed" in v.path]
    assert seeds and any(v.numpy().any() for v in seeds)
    for each in (model, again):  # the same dropout masks from here on
        fit(each, 1)
    assert_same(state(again), state(model))


def test_nothing_to_restore(tmp_path):
    assert restore_latest(tmp_path, build()) is None
    assert restore_latest(tmp_path / "missing", build()) is None


def test_keeps_the_last_and_sweeps_what_was_half_written(tmp_path):
    model = trained()
    (tmp_path / ".step-000000001.safetensors.abc").write_bytes(b"half")
    for step in (1, 2, 30):
        save_snapshot(tmp_path, model, {"step": step}, keep=2)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["step-000000002.safetensors", "step-000000030.safetensors"]


def torn(data):
    return data[: len(data) // 2]


def empty(data):
    return b""


def flipped_value(data):
    return data[:-5] + bytes([data[-5] ^ 1]) + data[-4:]


def flipped_position(data):
    assert b'\\"step\\": 9' in data
    return data.replace(b'\\"step\\": 9', b'\\"step\\": 8')


@pytest.mark.parametrize("damage", [torn, empty, flipped_value, flipped_position])
def test_falls_back_past_a_damaged_file_and_says_so(tmp_path, damage):
    model = trained()
    save_snapshot(tmp_path, model, {"step": 3})
    kept = state(model)
    fit(model, 1)
    path = save_snapshot(tmp_path, model, {"step": 9})
    path.write_bytes(damage(path.read_bytes()))
    again = build()
    with pytest.warns(UserWarning, match=r"step-000000009\.safetensors: .* Falling back"):
        assert restore_latest(tmp_path, again) == {"step": 3}
    assert_same(state(again), kept)


def test_snapshot_of_another_model(tmp_path):
    save_snapshot(tmp_path, trained(), {"step": 3})
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
    other.compile(optimizer="sgd", loss="mse")
    before = state(other)
    with pytest.raises(InputError, match="the snapshot is of another model or optimizer"):
        restore_latest(tmp_path, other)
    assert_same({name: state(other)[name] for name in before}, before)


def test_callback_positions(tmp_path):
    model = build()
    snapshots = Snapshots(tmp_path, steps_per_epoch=STEPS, every_steps=3, keep=9)
    fit(model, 0, callbacks=[snapshots])
    positions = [read_snapshot(path)[1] for path in snapshot_paths(tmp_path)]
    assert positions == [
        {"step": 3, "epoch": 0, "step_in_epoch": 3},
        {"step": 6, "epoch": 0, "step_in_epoch": 6},
        {"step": 7, "epoch": 1, "step_in_epoch": 0},
    ]


def wait_for_step(directory, step, process):
    deadline = time.time() + 120
    while time.time() < deadline:
        assert process.poll() is None, process.stderr.read()[-3000:]
        paths = snapshot_paths(directory)
        if paths and int(paths[-1].stem.split("-")[1]) >= step:
            return
        time.sleep(0.005)
    raise AssertionError(f"no snapshot of step {step} after 120 s")


def test_killed_twice_ends_bit_identical(tmp_path):
    expected = train(tmp_path / "whole")
    directory = tmp_path / "killed"
    directory.mkdir()

    def start(seconds):
        module = "tests.training.snapshot_run"
        command = [sys.executable, "-m", module, str(directory), str(seconds)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    for step in (4, 10):  # both within an epoch
        process = start(0.05)
        wait_for_step(directory, step, process)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert restore_latest(directory, build())["step"] >= step
    newest = snapshot_paths(directory)[-1]  # and the machine tears the newest file
    newest.write_bytes(torn(newest.read_bytes()))
    process = start(0)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err[-3000:]
    resumed_at = int(out.split("starting at step ")[1].split()[0])
    assert 4 <= resumed_at < EPOCHS * STEPS
    with np.load(directory / "final.npz") as final:
        assert_same(dict(final), expected)
