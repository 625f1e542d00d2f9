"""What tells models of equal weights apart, and what does not."""

import sys
import warnings

import keras
import pytest

from keras_attention._validation import InputError
from keras_attention.layers import MultiHeadAttention
from keras_attention.runs.architecture import (
    DROPOUT,
    architecture,
    custom_code,
    require_same_model,
)
from keras_attention.runs.custom_objects import read_custom_objects


def model(activation="relu", heads=2, rate=0.1, limit=None):
    x = inputs = keras.Input((3, 4))
    x = MultiHeadAttention(heads, 4 // heads)(x)
    x = keras.layers.Dropout(rate, seed=1)(x)
    x = keras.layers.ReLU(max_value=limit)(x)
    return keras.Model(inputs, keras.layers.Dense(5, activation=activation)(x))


def require(begun, own):
    require_same_model("run", {"model": begun}, {"model": own, "code": None})


def test_names_and_the_order_in_which_layers_were_made_change_nothing():
    keras.layers.Dense(1)  # counts in the names of later ones
    require(architecture(model()), architecture(model()))
    require(None, architecture(model()))  # of a run that did not say


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"activation": "gelu"}, "activation` was 'relu' and is 'gelu'. A training goes on with"),
        ({"heads": 1}, "num_heads` was 2 and is 1"),
        ({"rate": 0.2}, "rate` was 0.1 and is 0.2"),
        ({"limit": float("inf")}, "max_value` was None and is 'inf'"),
    ],
)
def test_what_differs_is_named(options, said):
    with pytest.raises(InputError, match="run was begun with another model: `") as caught:
        require(architecture(model()), architecture(model(**options)))
    assert said in str(caught.value)


def test_a_training_that_says_the_dropout_leaves_it_out():
    require(architecture(model(), DROPOUT), architecture(model(rate=0.2), DROPOUT))


def test_many_differences_are_counted():
    with pytest.raises(InputError, match=" and 2 more. A training goes on"):
        require(*({f"n{i}": i + more for i in range(5)} for more in (0, 1)))


def test_other_code_of_custom_classes_is_said(tmp_path):
    file = tmp_path / "code_of_mine.py"
    found = []
    for body in ("return x", "return x", "return 2 * x"):
        sys.modules.pop("code_of_mine", None)
        file.write_text(
            "import keras\n"
            "class Mine(keras.layers.Layer):\n"
            f"    def call(self, x):\n        {body}\n"
        )
        found.append(custom_code(read_custom_objects(file)))
    assert found[0] == found[1] != found[2]
    own = {"model": {}, "code": found[2]}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        require_same_model("run", {"model": {}, "code": None}, own)
        require_same_model("run", own, own)
    with pytest.warns(UserWarning, match="run was begun with other code of `custom_objects`"):
        require_same_model("run", {"model": {}, "code": found[0]}, own)


def test_without_files_there_is_no_code():
    assert custom_code(None) is custom_code({"abs": abs, "int": int}) is None
