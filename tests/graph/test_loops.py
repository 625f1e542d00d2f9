import numpy as np
from keras import ops

from keras_attention.graph.loops import fori_loop, while_loop
from tests.backend import compiled, to_numpy


def count_up(limit, maximum_iterations):
    state = {"i": ops.convert_to_tensor(0), "log": [ops.zeros((4,), dtype="int32")]}

    def body(state):
        here = ops.arange(4, dtype="int32") == state["i"]
        return {"i": state["i"] + 1, "log": [ops.where(here, state["i"] * 10, state["log"][0])]}

    return while_loop(lambda state: state["i"] < limit, body, state, maximum_iterations)


def test_the_condition_ends_it():
    state = to_numpy(count_up(3, 100))
    assert state["i"] == 3
    np.testing.assert_array_equal(state["log"][0], [0, 10, 20, 0])


def test_the_maximum_ends_it_whether_a_number_or_a_tensor():
    assert to_numpy(count_up(100, 2))["i"] == 2
    assert to_numpy(count_up(100, ops.convert_to_tensor(2)))["i"] == 2


def test_no_iteration_at_all():
    assert to_numpy(count_up(0, 5))["i"] == 0
    assert to_numpy(count_up(5, 0))["i"] == 0


def test_compiled_with_a_maximum_known_only_at_run_time():
    for jit in (True, False):
        function = compiled(lambda n: count_up(100, n)["log"][0], jit)
        np.testing.assert_array_equal(to_numpy(function(ops.convert_to_tensor(4))), [0, 10, 20, 30])


def test_a_loop_of_a_count_sees_its_index():
    def body(index, state):
        return {"sum": state["sum"] + index * state["factor"], "factor": state["factor"]}

    state = {"sum": ops.convert_to_tensor(0), "factor": ops.convert_to_tensor(10)}
    assert to_numpy(fori_loop(4, body, state))["sum"] == 60
    assert to_numpy(fori_loop(0, body, state))["sum"] == 0
