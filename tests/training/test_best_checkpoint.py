import keras
import numpy as np
import pytest

from keras_attention._validation import InputError
from keras_attention.training import BestCheckpoint


def make_model():
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    model.compile("sgd", "mse")
    return model


def play(callback, values, model=None, first=0):
    """The epochs of a training whose weights are the number of the epoch; how many there were."""
    model = model or make_model()
    callback.set_model(model)
    model.stop_training = False
    for epoch, value in enumerate(values, start=first):
        model.set_weights([np.full_like(w, epoch) for w in model.get_weights()])
        callback.on_epoch_end(epoch, {"val": value})
        if model.stop_training:
            break
    callback.on_train_end()
    return model, epoch + 1


@pytest.mark.parametrize(
    ("mode", "values", "best"),
    [
        ("max", [1.0, 3, 2, 3, 0], 1),  # of equal ones the first
        ("min", [4.0, 5, 2, 2, 9], 2),
        ("min", [float("nan"), 5, float("nan")], 1),
        ("max", [2.0, float("nan")], 0),
    ],
)
def test_the_best_weights_are_left(tmp_path, mode, values, best):
    callback = BestCheckpoint(tmp_path / "best", "val", mode)
    assert callback.best() is None
    model, _ = play(callback, values)
    assert callback.best() == (best, values[best])
    assert all((w == best).all() for w in model.get_weights())


def test_patience(tmp_path):
    callback = BestCheckpoint(tmp_path, "val", "max", patience=2)
    _, epochs = play(callback, [1.0, 2, 1, 1, 9])
    assert epochs == 4
    assert callback.is_over(4) and not callback.is_over(3)
    assert not BestCheckpoint(tmp_path, "val", "max").is_over(100)


def test_it_goes_on_where_another_stopped(tmp_path):
    play(BestCheckpoint(tmp_path, "val", "max", patience=2, final_epoch=9), [1.0, 2, 1])
    again = BestCheckpoint(tmp_path, "val", "max", patience=2, final_epoch=9)
    assert again.best() == (1, 2.0)
    # An epoch that is trained again changes nothing; the second without a better one is the last.
    model, epochs = play(again, [1.0, 1.5, 5], first=2)
    assert epochs == 4
    assert all((w == 1).all() for w in model.get_weights())


def test_weights_are_not_touched_before_the_final_epoch(tmp_path):
    callback = BestCheckpoint(tmp_path, "val", "max", final_epoch=5)
    model, _ = play(callback, [2.0, 1])
    assert all((w == 1).all() for w in model.get_weights())
    model, _ = play(callback, [1.0, 1, 1], model, first=2)
    assert all((w == 0).all() for w in model.get_weights())


def test_a_damaged_file(tmp_path):
    play(BestCheckpoint(tmp_path, "val", "max", final_epoch=9), [1.0, 2, 1])
    callback = BestCheckpoint(tmp_path, "val", "max")
    path = callback.paths()[-1]
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))  # still a safetensors file
    for read in (callback.best, lambda: callback.apply(make_model())):
        with pytest.raises(InputError, match="best-0002.safetensors: not a readable checkpoint"):
            read()
    path.unlink()
    assert callback.best() == (0, 1.0)


def test_epochs_that_are_trained_anew_are_forgotten(tmp_path):
    callback = BestCheckpoint(tmp_path, "val", "max", patience=2)
    play(callback, [1.0, 2, 3, 4])
    assert len(callback.paths()) == 3  # so far can training go back
    callback.forget_from(3)
    assert callback.best() == (2, 3.0)
    callback.forget_from(2)
    assert callback.best() == (1, 2.0)
    assert callback.is_over(4) and not callback.is_over(3)


def test_an_unknown_mode():
    with pytest.raises(ValueError, match="`mode` must be 'min' or 'max'. Received: mode='best'"):
        BestCheckpoint("a", mode="best")
