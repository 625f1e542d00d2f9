"""`keras.distribution.DataParallel` on JAX trains our models to the weights of one device."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

if keras.backend.backend() != "jax":
    pytest.skip("keras.distribution works on JAX alone", allow_module_level=True)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("jax") / "weights.npz"
    flags = "--xla_force_host_platform_device_count=4"
    done = subprocess.run(
        [sys.executable, "-m", "tests.training.jax_data_parallel_run", str(path)],
        env={**os.environ, "XLA_FLAGS": flags},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(np.load(path))


@pytest.mark.parametrize("training", ["train_translator", "train_classifier"])
def test_four_devices_are_as_one(weights, training):
    assert weights["devices"] == 4
    one, four = weights[f"{training}_1"], weights[f"{training}_4"]
    assert np.isfinite(four).all()
    np.testing.assert_allclose(four, one, atol=2e-6, rtol=0)
