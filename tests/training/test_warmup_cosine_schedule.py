import math

import keras
import pytest

from keras_attention.training import WarmupCosineSchedule


def test_rises_to_the_peak_and_falls_to_a_share_of_it():
    schedule = WarmupCosineSchedule(1e-3, warmup_steps=10, total_steps=110, final_share=0.2)
    rates = [float(schedule(step)) for step in range(130)]
    assert rates[0] == pytest.approx(1e-4)
    assert rates[9] == pytest.approx(1e-3) == max(rates)
    assert rates[59] == pytest.approx(1e-3 * 0.6, rel=1e-5)  # in the middle of the fall
    quarter = 0.2 + 0.8 * (0.5 + 0.5 * math.cos(math.pi / 4))
    assert rates[34] == pytest.approx(1e-3 * quarter, rel=1e-5)
    assert rates[109] == rates[129] == pytest.approx(2e-4)


def test_config_round_trip():
    schedule = WarmupCosineSchedule(0.5, 3, 7, final_share=0.0)
    again = keras.optimizers.schedules.deserialize(keras.optimizers.schedules.serialize(schedule))
    assert type(again) is WarmupCosineSchedule
    assert again.get_config() == schedule.get_config()


@pytest.mark.parametrize(
    "arguments, name",
    [
        ((0, 1, 1), "peak"),
        ((1, 0, 1), "warmup_steps"),
        ((1, 1, 0), "total_steps"),
        ((1, 1, 1, -1), "final_share"),
    ],
)
def test_bad_arguments(arguments, name):
    with pytest.raises(ValueError, match=rf"`{name}` must be .* Received: {name}="):
        WarmupCosineSchedule(*arguments)
