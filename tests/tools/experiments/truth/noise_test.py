import math

import numpy as np
import pytest
from scipy import stats

from tools.experiments.truth import noise


def test_noise_is_pooled_over_networks():
    # Squares 1 + 1 around 2, and 1 + 1 + 4 around 3; one and two degrees. A single one has none.
    found = noise.noise([[1.0, 3.0], [2.0, 2.0, 5.0], [7.0]])
    assert found == noise.Noise(pytest.approx(math.sqrt(8.0 / 3.0)), 3)


def test_of_two_trainings_it_is_the_root_mean_square_difference_over_two():
    pairs = np.random.default_rng(0).normal(size=(50, 2))
    expected = math.sqrt(((pairs[:, 0] - pairs[:, 1]) ** 2).mean() / 2.0)
    assert noise.noise(pairs.tolist()).deviation == pytest.approx(expected)


def test_without_repeats_nothing_is_known():
    assert noise.noise([[0.5], [0.6]]) is None


def test_the_variance_of_the_noise_is_taken_out_of_the_spread():
    # Means 1, 3, 5 with variance 4; the noise of the means is 1 / 2, 1 / 2 and 2 / 4: 1 / 2.
    accuracies = [[0.0, 2.0], [2.0, 4.0], [5.0, 5.0, 5.0, 5.0]]
    known = noise.Noise(1.0, 5)
    of_means = noise.of_means(accuracies, known)
    assert of_means == pytest.approx(math.sqrt((0.5 + 0.5 + 0.25) / 3.0))
    assert noise.spread(accuracies, known) == pytest.approx(math.sqrt(4.0 - of_means**2))
    assert noise.spread(accuracies, noise.Noise(10.0, 5)) == 0.0


def test_true_values_have_the_tau_of_the_ceiling_with_noisy_means():
    rng = np.random.default_rng(0)
    true = rng.normal(0.0, 2.0, 20_000)
    means = true + rng.normal(0.0, 1.5, 20_000)
    expected = stats.kendalltau(true, means).statistic
    assert noise.ceiling(2.0, 1.5) == pytest.approx(expected, abs=0.01)


def test_the_ceiling_has_its_ends():
    assert noise.ceiling(1.0, 0.0) == pytest.approx(1.0)
    assert noise.ceiling(0.0, 1.0) == 0.0
    assert noise.ceiling(0.0, 0.0) is None
