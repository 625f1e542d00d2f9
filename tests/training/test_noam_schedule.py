import keras
import pytest

from keras_attention.training import InverseSquareRootSchedule, NoamSchedule


@pytest.mark.parametrize(
    "hidden_dim, update, rate",
    [
        (512, 1, 1.746928e-7),
        (512, 4000, 6.987712e-4),
        (512, 16000, 3.493856e-4),
        (512, 100_000, 1.397542e-4),
        (1024, 4000, 4.941059e-4),
    ],
)
def test_golden_values(hidden_dim, update, rate):
    assert float(NoamSchedule(hidden_dim)(update - 1)) == pytest.approx(rate, rel=1e-5)


def test_scale_and_the_same_curve_by_its_peak():
    noam, by_peak = NoamSchedule(128, 50, scale=2.0), InverseSquareRootSchedule(0.025, 50)
    for step in (0, 10, 49, 50, 1000):
        assert float(noam(step)) == pytest.approx(float(by_peak(step)), rel=1e-5)


def test_first_update_uses_step_one():
    variable = keras.Variable(1.0)
    optimizer = keras.optimizers.SGD(NoamSchedule(512))
    optimizer.build([variable])
    optimizer.apply([keras.ops.convert_to_tensor(1e6)], [variable])
    assert 1.0 - float(variable) == pytest.approx(0.1746928, rel=1e-5)


def test_config_round_trip():
    schedule = NoamSchedule(64, 10, 0.5)
    again = keras.optimizers.schedules.deserialize(keras.optimizers.schedules.serialize(schedule))
    assert type(again) is NoamSchedule
    assert again.get_config() == schedule.get_config()


@pytest.mark.parametrize(
    "arguments, name", [((0,), "hidden_dim"), ((8, 0), "warmup_steps"), ((8, 1, 0), "scale")]
)
def test_bad_arguments(arguments, name):
    with pytest.raises(ValueError, match=rf"`{name}` must be .* Received: {name}=0"):
        NoamSchedule(*arguments)
