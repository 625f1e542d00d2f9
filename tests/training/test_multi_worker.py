"""Two processes train one model: the weights of one process, to 1e-6."""

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("tf.distribute is for the TensorFlow backend", allow_module_level=True)

import tensorflow as tf

from tests.training.distributed import run_workers
from tests.training.multi_worker_run import CASES, results_of

# Of the others the kind is tested on replicas of one process: test_mirrored_step.py.
QUICK = ["one_row", "adam", "micro_batches"]
SLOW = sorted(set(CASES) - set(QUICK))


def of_one(cases):
    """What one process finds, which is this one."""
    return results_of(tf.distribute.get_strategy(), cases)[0]


def of_two(folder, cases):
    """What two processes find: the chief's arrays, and what each of them was told."""
    told = run_workers("tests.training.multi_worker_run", [folder / "two.npz", *cases])
    return dict(np.load(folder / "two.npz")), told


@pytest.fixture(scope="module")
def one():
    return of_one(QUICK)


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    return of_two(tmp_path_factory.mktemp("two"), QUICK)


def assert_same(arrays, one, case):
    """Weights, logs and predictions."""
    tolerance = 2e-5 if case == "adam" else 1e-6
    np.testing.assert_allclose(arrays[case], one[case], atol=tolerance, rtol=0)
    np.testing.assert_allclose(arrays[f"{case}_logs"], one[f"{case}_logs"], rtol=1e-4)
    rows = one[f"{case}_rows"]
    assert arrays[f"{case}_rows"].shape == rows.shape  # none twice, none left out
    np.testing.assert_allclose(arrays[f"{case}_rows"], rows, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("case", QUICK)
def test_weights_logs_and_predictions_are_those_of_one_process(one, two, case):
    assert_same(two[0], one, case)


@pytest.mark.slow
def test_other_trainings_are_those_of_one_process(tmp_path):
    one, (arrays, _) = of_one(SLOW), of_two(tmp_path, SLOW)
    for case in SLOW:
        assert_same(arrays, one, case)


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
