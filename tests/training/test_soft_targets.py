import math

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from keras_attention.problem_types import MULTI_LABEL, REGRESSION, SINGLE_LABEL
from keras_attention.training.soft_targets import hidden_losses, soft_target_losses
from tests.backend import examples, gradients, to_numpy


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32") * 3


def test_by_hand():
    """p is (3/4, 1/4) and q (1/2, 1/2) at a temperature of 2."""
    teacher, student = np.array([[2 * math.log(3), 0.0]]), np.zeros((1, 2))
    divergence = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    found = soft_target_losses(student, teacher, 2.0, SINGLE_LABEL)
    np.testing.assert_allclose(to_numpy(found), [4 * divergence], rtol=1e-5)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_stock_divergence(temperature):
    # Not far apart: the stock function bounds probabilities away from 0.
    student, teacher = random(2, 5, 7) / 3, random(2, 5, 7, seed=1) / 3
    p, q = (ops.softmax(x / temperature) for x in (teacher, student))
    expected = temperature**2 * to_numpy(keras.losses.kl_divergence(p, q))
    found = to_numpy(soft_target_losses(student, teacher, temperature, SINGLE_LABEL))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_of_several_labels(temperature):
    """The mean over labels of the divergences of a label and its opposite."""
    student, teacher = random(4, 3), random(4, 3, seed=1)
    p, q = (to_numpy(ops.sigmoid(x / temperature)).astype("float64") for x in (teacher, student))
    each = p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))
    found = to_numpy(soft_target_losses(student, teacher, temperature, MULTI_LABEL))
    np.testing.assert_allclose(found, temperature**2 * each.mean(axis=-1), rtol=1e-3, atol=1e-5)


def test_of_numbers_it_is_the_squared_error():
    found = soft_target_losses(np.array([[1.0, 5.0]]), np.array([[3.0, 4.0]]), 7.0, REGRESSION)
    np.testing.assert_allclose(to_numpy(found), [2.5])


@settings(max_examples=examples(20), deadline=None)
@given(
    seed=st.integers(0, 10**6),
    temperature=st.sampled_from([0.7, 1.0, 2.0, 8.0]),
    problem_type=st.sampled_from([SINGLE_LABEL, MULTI_LABEL, REGRESSION]),
)
def test_it_is_least_at_the_teacher_alone(seed, temperature, problem_type):
    student, teacher = random(3, 4, seed=seed), random(3, 4, seed=seed + 1)
    same = to_numpy(soft_target_losses(teacher, teacher, temperature, problem_type))
    np.testing.assert_allclose(same, 0.0, atol=1e-5)
    other = to_numpy(soft_target_losses(student, teacher, temperature, problem_type))
    assert (other > -1e-5).all() and other.max() > 1e-3


def test_the_gradient_is_that_of_the_cross_entropy_of_soft_targets():
    """T (q - p): the entropy of the teacher is no part of it."""
    teacher, variable = random(2, 6, seed=1), keras.Variable(random(2, 6))
    (found,) = gradients(
        lambda: ops.sum(soft_target_losses(variable, teacher, 3.0, SINGLE_LABEL)), [variable]
    )
    p, q = (to_numpy(ops.softmax(x / 3.0)) for x in (teacher, to_numpy(variable)))
    np.testing.assert_allclose(found, 3.0 * (q - p), atol=1e-5)


def test_hidden_losses():
    hidden = np.array([[[3.0, 4.0], [1.0, 0.0], [2.0, 0.0], [0.0, 0.0]]], "float32")
    teacher = np.array([[[6.0, 8.0], [0.0, 5.0], [-1.0, 0.0], [1.0, 1.0]]], "float32")
    found = to_numpy(hidden_losses(hidden, teacher))
    np.testing.assert_allclose(found, [[0.0, 1.0, 2.0, 1.0]], atol=1e-6)


def test_hidden_losses_of_zeros_have_a_gradient():
    variable = keras.Variable(np.zeros((1, 2, 3), "float32"))
    teacher = random(1, 2, 3)
    (found,) = gradients(lambda: ops.sum(hidden_losses(variable, teacher)), [variable])
    assert np.isfinite(found).all()
