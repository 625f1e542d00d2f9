import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_attention._validation import InputError
from keras_attention.training import AverageCheckpoints, average_weights


def small_model():
    keras.utils.set_random_seed(0)
    layers = [keras.Input((3,)), keras.layers.Dense(2), keras.layers.Dropout(0.5)]
    model = keras.Sequential(layers)
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse")
    return model


X, Y = np.ones((8, 3), "f"), np.arange(16, dtype="f").reshape(8, 2)


class Collect(keras.callbacks.Callback):
    """The weights after every epoch."""

    def __init__(self):
        super().__init__()
        self.weights = []

    def on_epoch_end(self, epoch, logs=None):
        self.weights.append([np.array(w) for w in self.model.get_weights()])


@settings(max_examples=20)
@given(st.integers(1, 6), st.integers(0, 10**6))
def test_mean_in_float64(count, seed):
    random = np.random.default_rng(seed)
    arrays = random.normal(1e4, 1, (count, 2, 3)).astype("float32")
    (mean,) = average_weights([a] for a in arrays)
    assert mean.dtype == np.float32
    np.testing.assert_array_equal(mean, arrays.astype("float64").mean(0).astype("float32"))


def test_integers_come_from_the_last_and_nothing_is_changed():
    first, last = [np.array([1, 2]), np.zeros(2)], [np.array([7, 8]), np.ones(2)]
    integers, floats = average_weights([first, last])
    np.testing.assert_array_equal(integers, [7, 8])
    np.testing.assert_array_equal(floats, [0.5, 0.5])
    np.testing.assert_array_equal(first[1], [0, 0])


def test_bad_checkpoints():
    with pytest.raises(ValueError, match="`checkpoints` must hold one or more. Received: none"):
        average_weights([])
    with pytest.raises(ValueError, match="`checkpoints` must have the same shapes. Received"):
        average_weights([[np.ones(2)], [np.ones(3)]])


def test_the_last_epochs_are_averaged(tmp_path):
    model, collect = small_model(), Collect()
    averaging = AverageCheckpoints(tmp_path / "averaging", last=3)
    model.fit(X, Y, epochs=5, verbose=0, callbacks=[collect, averaging])
    expected = average_weights(collect.weights[2:])
    for weight, mean, last in zip(model.get_weights(), expected, collect.weights[-1], strict=True):
        np.testing.assert_allclose(weight, mean, rtol=1e-6)
        assert np.abs(weight - last).max() > 1e-3
    names = [path.name for path in (tmp_path / "averaging").iterdir()]
    assert sorted(names) == [f"epoch-{i:04d}.safetensors" for i in (3, 4, 5)]


def test_several_calls_of_fit_are_one_training(tmp_path):
    model, collect = small_model(), Collect()
    averaging = AverageCheckpoints(tmp_path, last=4, final_epoch=3)
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[collect, averaging])
    for weight, last in zip(model.get_weights(), collect.weights[-1], strict=True):
        np.testing.assert_array_equal(weight, last)  # not yet at the end
    model.fit(X, Y, initial_epoch=2, epochs=3, verbose=0, callbacks=[collect, averaging])
    for weight, mean in zip(model.get_weights(), average_weights(collect.weights), strict=True):
        np.testing.assert_allclose(weight, mean, rtol=1e-6)


def test_training_that_a_callback_stops_is_averaged(tmp_path):
    model, collect = small_model(), Collect()
    stop = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: setattr(model, "stop_training", epoch == 1)
    )
    averaging = AverageCheckpoints(tmp_path, final_epoch=9)
    model.fit(X, Y, epochs=9, verbose=0, callbacks=[collect, averaging, stop])
    assert len(collect.weights) == 2
    for weight, mean in zip(model.get_weights(), average_weights(collect.weights), strict=True):
        np.testing.assert_allclose(weight, mean, rtol=1e-6)


def test_apply_after_an_interruption(tmp_path):
    model, collect = small_model(), Collect()
    averaging = AverageCheckpoints(tmp_path, final_epoch=99)
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[collect, averaging])
    again = small_model()
    AverageCheckpoints(tmp_path).apply(again)
    for weight, mean in zip(again.get_weights(), average_weights(collect.weights), strict=True):
        np.testing.assert_allclose(weight, mean, rtol=1e-6)
    before = again.get_weights()
    AverageCheckpoints(tmp_path / "nothing").apply(again)
    np.testing.assert_array_equal(before[0], again.get_weights()[0])


def test_a_damaged_file(tmp_path):
    averaging = AverageCheckpoints(tmp_path)
    small_model().fit(X, Y, epochs=2, verbose=0, callbacks=[averaging])
    path = averaging.paths()[0]
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))  # still a safetensors file
    with pytest.raises(InputError, match=r"epoch-0001\.safetensors: not a readable checkpoint"):
        averaging.apply(small_model())
    path.write_bytes(b"torn")
    with pytest.raises(InputError, match=r"epoch-0001\.safetensors: not a readable checkpoint"):
        averaging.apply(small_model())
