"""Weights after training on 1, 2 and 4 replicas: the same, to 1e-6."""

import functools
import subprocess
import sys

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("tf.distribute is for the TensorFlow backend", allow_module_level=True)

import tensorflow as tf

from tests.training.mirrored_run import CASES, results_of

# Half precision rounds each part of a sum: micro-batches on one device differ as much. The weights
# of one case begin at a million.
HALF = {"half": 1e-5, "overflow": 5e-5}
FOUR = ["adam", "clipped", "jit_gradients", "micro_batches", "one_row", "overflow", "uneven"]
ONE = ["micro_batches"]  # in a `OneDeviceStrategy`
# Each of the others has its kind here: one row is what "recurrent" ends with, what overflows is of
# half precision, micro-batches are clipped, and several outputs are compiled. Adam is tested on two
# workers, and regularization in no_rows_run.py.
QUICK = ["distilled", "micro_batches", "outputs_in_parts", "overflow", "recurrent", "uneven"]
SLOW = sorted(set(CASES) - set(QUICK))
on_four = pytest.param(4, marks=pytest.mark.slow)


def run(replicas, cases, directory):
    output = directory / f"{replicas}-{len(cases)}.npz"
    command = [sys.executable, "-m", "tests.training.mirrored_run", str(replicas), str(output)]
    done = subprocess.run([*command, *cases], capture_output=True, text=True, timeout=800)
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(np.load(output))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A function of the replicas, and of whether slow cases are meant; what they trained, once.

    Several replicas are in a process of their own; one is here, without a strategy or with one.
    """
    directory = tmp_path_factory.mktemp("mirrored")

    @functools.cache
    def found(replicas, slow):
        cases = {4: FOUR, "one": ONE}.get(replicas, SLOW if slow else QUICK)
        if replicas == 1:
            return results_of(tf.distribute.get_strategy(), cases)
        if replicas == "one":
            return results_of(tf.distribute.OneDeviceStrategy("CPU:0"), cases)
        return run(replicas, cases, directory)

    return lambda replicas, slow=False: found(replicas, slow)


@pytest.mark.parametrize(
    "replicas, case",
    [
        *((2, case) for case in QUICK),
        *(("one", case) for case in ONE),
        *(pytest.param(2, case, marks=pytest.mark.slow) for case in SLOW),
        *(pytest.param(4, case, marks=pytest.mark.slow) for case in FOUR),
    ],
)
def test_weights_and_logs_are_those_of_one_device(results, replicas, case):
    one, many = results(1, case in SLOW), results(replicas, replicas == 2 and case in SLOW)
    # Adam divides by the size of a gradient, which is rounding alone where it should be nought.
    tolerance = {**HALF, "adam": 2e-5}.get(case, 1e-6)
    assert np.isfinite(many[case]).all()
    np.testing.assert_allclose(many[case], one[case], atol=tolerance, rtol=0)
    np.testing.assert_allclose(many[f"{case}_logs"], one[f"{case}_logs"], rtol=1e-4)
    rows, expected = many[f"{case}_predicted"], one[f"{case}_predicted"]
    np.testing.assert_allclose(rows, expected, atol=2e-2 if case in HALF else 1e-4, rtol=0)


@pytest.mark.parametrize(
    "case",
    [
        "micro_batches",
        *(
            pytest.param(case, marks=pytest.mark.slow)
            for case in ("clipped", "clipped_each", "clipped_values", "regularized")
        ),
    ],
)
def test_the_cases_differ(results, case):
    """Clipping really happens: without it the weights would be others."""
    assert np.abs(results(1, case in SLOW)[case] - results(1)["uneven"]).max() > 1e-3


@pytest.mark.parametrize("replicas", [1, 2, on_four])
def test_overflow_on_one_replica_lowers_the_scale_of_all(results, replicas):
    assert results(replicas)["overflow_logs"][-1] == 2.0**9


@pytest.mark.slow
@pytest.mark.parametrize("replicas", [1, 2])
def test_without_overflow_the_scale_stays(results, replicas):
    assert results(replicas, slow=True)["half_logs"][-1] == 2.0**10


@pytest.mark.parametrize("replicas", [2, on_four])
def test_every_replica_drops_other_units(results, replicas):
    kept = results(replicas)["kept"]  # (replicas, 4, 64), 0 or 2
    assert len({array.tobytes() for array in kept}) == replicas
    assert 0.35 < (kept > 0).mean() < 0.65
