"""Two processes train one model: the weights of one process, to 1e-6."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("tf.distribute is for the TensorFlow backend", allow_module_level=True)

from tests.training.distributed import run_workers
from tests.training.multi_worker_run import CASES

MODULE = "tests.training.multi_worker_run"


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """What one process finds."""
    path = tmp_path_factory.mktemp("one") / "one.npz"
    environment = {name: value for name, value in os.environ.items() if name != "TF_CONFIG"}
    command = [sys.executable, "-m", MODULE, str(path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(np.load(path))


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """What two processes find: the chief's arrays, and what each of them was told."""
    path = tmp_path_factory.mktemp("two") / "two.npz"
    told = run_workers(MODULE, [path])
    return dict(np.load(path)), told


@pytest.mark.parametrize("case", CASES)
def test_weights_logs_and_predictions_are_those_of_one_process(one, two, case):
    arrays, _ = two
    tolerance = 2e-5 if case == "adam" else 1e-6
    np.testing.assert_allclose(arrays[case], one[case], atol=tolerance, rtol=0)
    np.testing.assert_allclose(arrays[f"{case}_logs"], one[f"{case}_logs"], rtol=1e-4)
    rows = one[f"{case}_rows"]
    assert arrays[f"{case}_rows"].shape == rows.shape  # none twice, none left out
    np.testing.assert_allclose(arrays[f"{case}_rows"], rows, rtol=1e-3, atol=1e-4)


def test_both_workers_have_the_same_weights(two):
    _, (first, second) = two
    assert first["weights"] == second["weights"]


def test_what_the_chief_decides_all_workers_know(two):
    _, (first, second) = two
    assert (first["is_chief"], second["is_chief"]) == (True, False)
    for told in (first, second):
        assert told["decided"] == {"index": 0}
        assert told["error"] == "the chief's files are no good"
        assert told["shared"] and told["one"] and not told["none"]
    assert first["given"] == second["given"]
