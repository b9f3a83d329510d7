import numpy as np
import pytest

from tools.experiments.truth import noise, standing
from tools.experiments.truth.noise import Noise


def test_what_was_observed_is_simple():
    others = [[0.70, 0.72], [0.74], [0.60, 0.64], [0.68]]
    found = standing.standing([0.68], others, False, None)
    assert found.accuracy == pytest.approx(0.68)
    assert found.observed_regret == pytest.approx(0.74 - 0.68)
    # One is worse, and one is equal.
    assert found.observed_percentile == pytest.approx(37.5)
    assert found.regret is None and found.percentile is None


def test_a_network_better_than_all_has_no_regret_if_it_is_one_of_them():
    others = [[0.70], [0.72]]
    assert standing.standing([0.75], others, False, None).observed_regret < 0.0
    known = Noise(0.03, 9)
    inside = standing.standing([0.75], others, True, known)
    assert inside.observed_regret == 0.0
    assert inside.regret.low >= 0.0
    outside = standing.standing([0.75], others, False, known)
    assert outside.regret.value < 0.0


def test_without_noise_the_observed_values_are_the_true_ones():
    found = standing.standing([0.66], [[0.70], [0.65], [0.60]], False, Noise(0.0, 5))
    assert found.regret == pytest.approx((0.04, 0.04, 0.04))
    assert found.percentile == pytest.approx((200 / 3,) * 3)


def test_of_two_networks_the_best_is_what_the_formula_says():
    """The mean of the larger of two normals has a closed form (Clark 1961)."""
    from scipy import stats

    # w = 4 / (4 + 4 / 2) = 2 / 3: means 5 and 7 become 6 -+ 2 / 3, with the variance 2 / 3 * 2.
    draws = 40_000
    drawn = standing.true_accuracies(
        np.array([5.0, 7.0]),
        np.full([draws, 2], 2.0),
        np.full([draws, 1], 6.0),
        np.full([draws, 1], 2.0),
        np.random.default_rng(0),
    )
    deviation = (2 * 4.0 / 3.0) ** 0.5
    a = 4.0 / 3.0 / deviation
    best = 6 + 2 / 3 * (2 * stats.norm.cdf(a) - 1) + deviation * stats.norm.pdf(a)
    assert drawn.max(axis=1).mean() == pytest.approx(best, abs=0.03)


def test_of_many_networks_centre_and_spread_are_as_if_known():
    """Then the mean regret is that of the formula with both put in."""
    rng = np.random.default_rng(0)
    true = rng.normal(0.7, 0.02, 400)
    others = (true[:, None] + rng.normal(0.0, 0.01, (400, 2))).tolist()
    known = noise.noise(others)
    draws = np.ones([500, 1])
    drawn = standing.true_accuracies(
        np.mean(others, axis=1),
        np.full([500, 400], known.deviation**2 / 2),
        np.mean(others) * draws,
        noise.spread(others, known) * draws,
        np.random.default_rng(1),
    )
    found = standing.standing([0.7, 0.7], others, False, known)
    assert found.regret.value == pytest.approx(drawn.max(axis=1).mean() - 0.7, abs=0.001)
    # The noise of its own mean alone is left in the percentile of one with many trainings.
    found = standing.standing([0.7] * 10_000, others, False, known)
    assert found.percentile.value == pytest.approx(100.0 * np.mean(true < 0.7), abs=2.0)


def test_the_bias_of_the_best_mean_is_taken_out_and_intervals_hold():
    """Networks whose true accuracies are known, in noise as large as they differ."""
    rng = np.random.default_rng(0)
    biases, observed, inside, percentiles = [], [], [], []
    for _ in range(100):
        true = rng.normal(0.7, 0.01, 31)
        accuracies = (true[:, None] + rng.normal(0.0, 0.01, (31, 2))).tolist()
        own, *others = accuracies
        found = standing.standing(own, others, False, noise.noise(others))
        regret = true[1:].max() - true[0]
        biases.append(found.regret.value - regret)
        observed.append(found.observed_regret - regret)
        inside.append(found.regret.low <= regret <= found.regret.high)
        percentile = 100.0 * np.mean(true[1:] < true[0])
        percentiles.append(found.percentile.low <= percentile <= found.percentile.high)
    assert np.mean(observed) > 0.004
    assert abs(np.mean(biases)) < 0.002
    assert 0.88 < np.mean(inside) <= 1.0
    assert 0.88 < np.mean(percentiles) <= 1.0
