"""Weights after training on 1, 2 and 4 replicas: the same, to 1e-6."""

import functools
import subprocess
import sys

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("tf.distribute is for the TensorFlow backend", allow_module_level=True)

from tests.training.mirrored_run import CASES

# Half precision rounds each part of a sum: micro-batches on one device differ as much. The weights
# of one case begin at a million.
HALF = {"half": 1e-5, "overflow": 5e-5}
FOUR = ["adam", "clipped", "jit_gradients", "micro_batches", "one_row", "overflow", "uneven"]
ONE = ["adam", "clipped", "micro_batches"]  # in a `OneDeviceStrategy`
# Of each of these another one shows the kind: other clipping, each half of "outputs_in_parts".
SLOW = ["distilled_in_parts", "clipped_each", "clipped_values", "full", "jit_gradients", "outputs"]
QUICK = sorted(set(CASES) - set(SLOW))
on_four = pytest.param(4, marks=pytest.mark.slow)


def run(replicas, cases, directory):
    output = directory / f"{replicas}-{len(cases)}.npz"
    command = [sys.executable, "-m", "tests.training.mirrored_run", str(replicas), str(output)]
    done = subprocess.run([*command, *cases], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(np.load(output))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A function of the replicas, and of whether slow cases are meant; what they trained, once."""
    directory = tmp_path_factory.mktemp("mirrored")

    @functools.cache
    def found(replicas, slow):
        cases = {4: FOUR, "one": ONE}.get(replicas, SLOW if slow else QUICK)
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
        "clipped",
        "regularized",
        *(
            pytest.param(case, marks=pytest.mark.slow)
            for case in ("clipped_each", "clipped_values")
        ),
    ],
)
def test_the_cases_differ(results, case):
    """Clipping really happens: without it the weights would be others."""
    assert np.abs(results(1, case in SLOW)[case] - results(1)["uneven"]).max() > 1e-3


@pytest.mark.parametrize("replicas", [1, 2, on_four])
def test_overflow_on_one_replica_lowers_the_scale_of_all(results, replicas):
    assert results(replicas)["overflow_logs"][-1] == 2.0**9
    if replicas != 4:
        assert results(replicas)["half_logs"][-1] == 2.0**10  # where nothing overflows


@pytest.mark.parametrize("replicas", [2, on_four])
def test_every_replica_drops_other_units(results, replicas):
    kept = results(replicas)["kept"]  # (replicas, 4, 64), 0 or 2
    assert len({array.tobytes() for array in kept}) == replicas
    assert 0.35 < (kept > 0).mean() < 0.65
