"""What cannot work is refused, and rows are shared out once each."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("tf.distribute is for the TensorFlow backend", allow_module_level=True)

from keras_attention._validation import InputError
from keras_attention.training.distribution import jit_options, make_strategy
from tests.training.distributed import Rows, compiled_model


@pytest.fixture(scope="module")
def refusals():
    """What a process of its own found, whose strategies would stay: by strategy."""
    command = [sys.executable, "-m", "tests.training.refusals_run"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400)
    assert done.stdout, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_under_several_replicas(refusals):
    said = refusals["mirrored"]
    assert said["nothing"] is said["jit_gradients"] is None
    assert "`jit_compile` must be False" in said["jit_compile"]
    assert "use compile(jit_gradients=True)" in said["jit_compile"]
    assert "`steps_per_execution` must be 1" in said["steps_per_execution"]
    for name in ("accumulation", "scaled_accumulation"):
        assert "use compile(micro_batches=...)" in said[name], name
    assert all("\n" not in (sentence or "") for sentence in said.values())


def test_parameter_servers(refusals):
    said = refusals["parameter-server"]["fit"]
    assert said == (
        "`fit` of Keras 3 does not work under ParameterServerStrategy: use "
        "tf.distribute.MultiWorkerMirroredStrategy."
    )


def test_distribution_of_keras(refusals):
    assert "`keras.distribution` does nothing on the TensorFlow backend" in refusals["keras"]["fit"]


def test_one_device_is_refused_nothing():
    compiled_model(jit_compile=True, steps_per_execution=2)
    assert jit_options(True) == {"jit_compile": True, "jit_gradients": False}


@pytest.mark.parametrize("config", [None, "", "{", "[]", '{"cluster": {}}', '{"cluster": 3}'])
def test_workers_need_a_cluster(monkeypatch, config):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if config is not None:
        monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(InputError, match="need the environment variable TF_CONFIG"):
        make_strategy("multi-worker")


@pytest.mark.parametrize("workers, replicas", [(1, 2), (2, 1), (2, 2), (3, 2), (5, 4)])
def test_every_row_is_read_once_whatever_the_number_of_replicas(workers, replicas):
    batches, count = Rows(), workers * replicas
    parts = [
        batches.dataset(epochs=2, shares=(range(first, first + replicas), count))
        for first in range(0, count, replicas)
    ]
    assert {len(part) for part in parts} == {2 * len(batches) * replicas}  # the same steps for all
    whole = list(batches.epochs(epochs=2))
    shares = [[x.numpy() for x, _ in part] for part in parts]
    for step, (ids, _) in enumerate(whole):
        rows = slice(step * replicas, (step + 1) * replicas)
        np.testing.assert_array_equal(
            np.concatenate([share for worker in shares for share in worker[rows]]), ids
        )
