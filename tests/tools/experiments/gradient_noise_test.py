import math

import numpy as np
import pytest

from tools.experiments import gradient_noise


def test_two_steps_by_hand():
    # g1 . g2 = 3 + 8 = 11; |g1|^2 = 5, |g2|^2 = 25, their mean is 15.
    signal, noise = gradient_noise.signal_and_noise(np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert (signal, noise) == pytest.approx((11.0, 4.0))


def test_the_estimates_are_unbiased():
    rng = np.random.default_rng(0)
    mean, deviation = np.array([0.3, -0.4, 0.0]), 0.5
    found = np.array(
        [
            gradient_noise.signal_and_noise(mean + deviation * rng.normal(size=[10, 3]))
            for _ in range(4000)
        ]
    )
    errors = found.std(axis=0) / math.sqrt(len(found))
    expected = [0.25, 3 * deviation**2]
    assert np.all(np.abs(found.mean(axis=0) - expected) < 4 * errors)


def test_the_interval_holds_the_ratio_about_as_often_as_one_standard_error():
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(400):
        gradients = np.array([1.0, 1.0]) + rng.normal(size=[100, 2])
        _, low, high = gradient_noise.steps_needed(gradients)
        hits += low < 1.0 < high
    assert 0.58 < hits / 400 < 0.78


def test_where_no_signal_is_left_no_number_of_steps_is_enough():
    gradients = np.tile([[1.0], [-1.0]], [20, 1])
    value, low, high = gradient_noise.steps_needed(gradients)
    assert value == low == high == math.inf
