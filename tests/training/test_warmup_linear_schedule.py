import keras
import pytest

from keras_attention.training import WarmupLinearSchedule


def test_rises_to_the_peak_and_falls_to_zero():
    schedule = WarmupLinearSchedule(1e-3, warmup_steps=10, total_steps=100)
    rates = [float(schedule(step)) for step in range(102)]
    assert rates[0] == pytest.approx(1e-4)
    assert rates[9] == pytest.approx(1e-3) == max(rates)
    assert rates[54] == pytest.approx(1e-3 * 46 / 91, rel=1e-5)
    assert rates[99] == pytest.approx(1e-3 / 91, rel=1e-5)  # the last update still counts
    assert rates[100] == rates[101] == 0.0


def test_config_round_trip():
    schedule = WarmupLinearSchedule(0.5, 3, 7)
    again = keras.optimizers.schedules.deserialize(keras.optimizers.schedules.serialize(schedule))
    assert type(again) is WarmupLinearSchedule
    assert again.get_config() == schedule.get_config()


@pytest.mark.parametrize(
    "arguments, name",
    [((0, 1, 1), "peak"), ((1, 0, 1), "warmup_steps"), ((1, 1, 0), "total_steps")],
)
def test_bad_arguments(arguments, name):
    with pytest.raises(ValueError, match=rf"`{name}` must be .* Received: {name}=0"):
        WarmupLinearSchedule(*arguments)
