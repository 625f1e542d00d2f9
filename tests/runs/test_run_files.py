"""What a run's model.keras is."""

import keras
import numpy as np
import pytest

from keras_attention.runs.run_directory import save_model_atomically
from tests.tasks.small_translator import small_translator


@pytest.mark.parametrize("is_compiled", [False, True])
def test_a_saved_model_is_as_before_compile(is_compiled, tmp_path):
    model = small_translator(seed=1)
    save_model_atomically(model, tmp_path / "model.keras")
    size = (tmp_path / "model.keras").stat().st_size
    if is_compiled:
        model.compile("adam", "mse")
        model.optimizer.build(model.trainable_variables)
        model.optimizer.learning_rate.assign(0.5)
    save_model_atomically(model, tmp_path / "model.keras")
    assert model.compiled == is_compiled
    assert (getattr(model, "optimizer", None) is not None) == is_compiled
    if is_compiled:
        assert float(model.optimizer.learning_rate) == 0.5

    assert (tmp_path / "model.keras").stat().st_size == pytest.approx(size, rel=0.01)
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert not loaded.compiled
    for one, other in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
