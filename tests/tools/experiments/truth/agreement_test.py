import numpy as np
import pytest

from tools.experiments.truth import agreement


def test_tau_of_a_small_order():
    # Of six pairs five agree and one does not.
    found = agreement.of_scores([1, 2, 3, 4], [0.1, 0.2, 0.4, 0.3], draws=20)
    assert found.tau == pytest.approx((5 - 1) / 6)
    assert -1.0 <= found.low <= found.tau <= found.high <= 1.0


def test_ties_are_those_of_tau_b():
    # Five pairs agree; one is a tie of the scores alone.
    found = agreement.of_scores([1, 2, 2, 3], [0.1, 0.2, 0.3, 0.4], draws=20)
    assert found.tau == pytest.approx(5 / (5 * 6) ** 0.5)


def test_perfect_orders_have_no_interval_beside_them():
    values = np.arange(10.0)
    assert agreement.of_scores(values, values, draws=50) == pytest.approx((1.0, 1.0, 1.0))
    assert agreement.of_scores(-values, values, draws=50) == pytest.approx((-1.0, -1.0, -1.0))


def test_a_constant_score_has_no_tau():
    assert agreement.of_scores([1, 1, 1], [0.1, 0.2, 0.3], draws=5) == (None, None, None)


def test_the_interval_is_as_wide_as_tau_varies():
    """Its width is compared with what tau does over many samples of the same kind."""
    rng = np.random.default_rng(1)

    def sample():
        true = rng.normal(size=40)
        return true, true + rng.normal(size=40)

    taus = [agreement.of_scores(*sample(), draws=1).tau for _ in range(300)]
    widths = []
    for _ in range(5):
        found = agreement.of_scores(*sample(), draws=200)
        widths.append(found.high - found.low)
    low, high = np.percentile(taus, [2.5, 97.5])
    assert np.mean(widths) == pytest.approx(high - low, rel=0.25)


def test_the_same_draws_judge_every_score():
    accuracies = np.random.default_rng(0).normal(size=12)
    scores = accuracies + np.random.default_rng(1).normal(size=12)
    first = agreement.of_scores(scores, accuracies, draws=30)
    # A monotone function of a score is the same order.
    assert agreement.of_scores(np.exp(scores), accuracies, draws=30) == first


def test_repeats_are_compared_in_pairs():
    first, second, third = [1.0, 2.0, 3.0], [1.0, 3.0, 2.0], [1.0, 2.0, 3.0]
    found = agreement.of_repeats([first, second, third], draws=20)
    assert found.tau == pytest.approx((1 / 3 + 1.0 + 1 / 3) / 3)


def test_a_repeat_that_is_missing_is_left_out():
    found = agreement.of_repeats([[1.0, 2.0, 3.0, 4.0], [1.0, 3.0, 2.0, None]], draws=20)
    assert found.tau == pytest.approx(1 / 3)
    assert agreement.of_repeats([[1.0, 2.0, 3.0]], draws=5) == (None, None, None)
    assert agreement.of_repeats([[1.0, 2.0], [None, None]], draws=5) == (None, None, None)
