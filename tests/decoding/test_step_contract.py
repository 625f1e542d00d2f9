import numpy as np
import pytest

from keras_attention.decoding import StepContract
from tests.backend import to_numpy


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("inputs_shape", [None]),
        ("inputs_mask", [None]),
        ("first_tokens", [None]),
        ("length_limits", [None]),
        ("start", [None, 3]),
        ("step", [None, 0, {}, {}]),
    ],
)
def test_what_a_model_leaves_out_is_named(name, arguments):
    class Incomplete(StepContract):
        pass

    with pytest.raises(NotImplementedError, match=f"Incomplete must implement `{name}`"):
        getattr(Incomplete(), name)(*arguments)


def test_rows_are_selected_in_every_tensor():
    state = {"a": np.arange(6).reshape(3, 2), "b": [np.arange(3), {"c": np.arange(3) * 2}]}
    rows = np.array([2, 0, 0], "int32")
    found = to_numpy(StepContract().select_rows(state, rows))
    np.testing.assert_array_equal(found["a"], state["a"][rows])
    np.testing.assert_array_equal(found["b"][0], rows)
    np.testing.assert_array_equal(found["b"][1]["c"], 2 * rows)
    assert StepContract().extend(state, 4) is state
