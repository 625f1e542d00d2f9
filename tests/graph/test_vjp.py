import numpy as np
from keras import ops

from keras_attention.graph.vjp import depends, vjp
from tests.backend import BACKEND, to_numpy


def test_a_vjp_is_a_product_with_the_jacobian():
    a, b = np.array([1.0, 2.0], "float32"), np.array([3.0, 5.0], "float32")

    def function(arguments):
        a, b, unused = arguments
        return [a * b, ops.sum(a)], {"seen": b + 1}

    cotangents = [ops.convert_to_tensor(x) for x in (np.array([7.0, 11.0], "float32"), 2.0)]
    arguments = [ops.convert_to_tensor(x) for x in (a, b, a)]
    found, extra = to_numpy(vjp(function, arguments, cotangents))
    np.testing.assert_allclose(found[0], [7 * 3 + 2, 11 * 5 + 2])
    np.testing.assert_allclose(found[1], [7 * 1, 11 * 2])
    np.testing.assert_allclose(found[2], [0, 0])
    np.testing.assert_allclose(extra["seen"], b + 1)
    assert depends(function, arguments)[:2] == [True, True]
    if BACKEND == "tensorflow":
        assert depends(function, arguments) == [True, True, False]
