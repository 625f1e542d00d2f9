import keras
import pytest

from keras_attention.training import InverseSquareRootSchedule


def test_rises_in_a_line_and_falls_with_the_square_root():
    schedule = InverseSquareRootSchedule(0.005, warmup_steps=2000)
    updates = {1: 0.005 / 2000, 500: 0.00125, 2000: 0.005, 8000: 0.0025, 200_000: 0.0005}
    for update, rate in updates.items():
        assert float(schedule(update - 1)) == pytest.approx(rate, rel=1e-5)


def test_config_round_trip():
    schedule = InverseSquareRootSchedule(0.02, 30)
    again = keras.optimizers.schedules.deserialize(keras.optimizers.schedules.serialize(schedule))
    assert type(again) is InverseSquareRootSchedule
    assert again.get_config() == schedule.get_config()


@pytest.mark.parametrize(
    "arguments, name", [((0, 10), "peak_learning_rate"), ((1.0, 0), "warmup_steps")]
)
def test_bad_arguments(arguments, name):
    with pytest.raises(ValueError, match=rf"`{name}` must be .* Received: {name}=0"):
        InverseSquareRootSchedule(*arguments)
