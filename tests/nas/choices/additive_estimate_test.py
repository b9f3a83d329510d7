import numpy as np
import pytest

from nas.choices import additive_estimate

COUNTS = (4, 3, 9, 2)
WORK = [100.0 + 10.0 * np.arange(count) for count in COUNTS]


def observed(seed, steps=3000, noise=0.08, effects=None, counts=COUNTS):
    """Networks drawn uniformly, with losses that fall as those of a supernet."""
    rng = np.random.default_rng(seed)
    choices = np.stack([rng.integers(0, count, steps) for count in counts], axis=1)
    trend = 1.3 + np.exp(-np.arange(steps) / 400)
    losses = trend + rng.normal(0.0, noise, steps)
    if effects is not None:
        losses += sum(own[choices[:, r]] for r, own in enumerate(effects))
    return choices, losses


def some_effects(seed):
    rng = np.random.default_rng(seed)
    return [rng.normal(0.0, 0.03, count) for count in COUNTS]


def test_effects_are_found_within_their_deviations():
    scores = []
    for seed in range(10):
        effects = some_effects(seed)
        found = additive_estimate.fit(*observed(seed, effects=effects), WORK)
        assert found.noise == pytest.approx(0.08, rel=0.1)
        for own, mean, deviation in zip(effects, found.effects, found.deviations, strict=True):
            scores += list((mean - (own - own.mean())) / deviation)
            assert abs(mean.sum()) < 1e-9
    # Standard scores of an honest uncertainty.
    assert np.std(scores) == pytest.approx(1.0, abs=0.2)
    assert np.max(np.abs(scores)) < 4.5


def test_an_option_that_was_seen_seldom_needs_more_to_be_better_than_that_of_the_seed():
    """Seven options, of which the seed's is the best by 0.1, and drawn three times in four."""
    rng = np.random.default_rng(5)
    rows, options, steps = 15, 7, 500
    p = np.where(np.arange(options) == 2, 0.75, 0.25 / (options - 1))
    choices = rng.choice(options, (steps, rows), p=p)
    effects = 0.1 * (np.arange(options) != 2)
    losses = effects[choices].sum(axis=1) + rng.normal(0.0, 0.3, steps)
    work = [np.ones(options)] * rows
    alone = additive_estimate.fit(choices, losses, work)
    known = additive_estimate.fit(choices, losses, work, [2] * rows)
    chosen = [[int(row.argmin()) for row in found.effects] for found in (alone, known)]
    assert chosen[0] != [2] * rows
    assert chosen[1] == [2] * rows
    gains = [row[2] - np.delete(row, 2).mean() for row in known.effects]
    assert np.mean(gains) == pytest.approx(-0.1, abs=0.02)
    # Rows that have nothing to do with the seed do not count.
    partly = additive_estimate.fit(choices, losses, work, [2] * (rows - 1) + [None])
    assert partly.effects[-1][2] - partly.effects[-1].mean() > known.effects[-1][2]


def test_without_prior_and_trend_it_is_least_squares():
    """Differences of means, in a balanced design with large effects and little noise."""
    effects = [np.array([-3.0, 1.0, 2.0]), np.array([-1.0, 1.0])]
    choices = np.array([(i, j) for i in range(3) for j in range(2)] * 200)
    losses = effects[0][choices[:, 0]] + effects[1][choices[:, 1]]
    losses = losses + np.random.default_rng(0).normal(0.0, 1e-3, len(losses))
    found = additive_estimate.fit(choices, losses, [np.ones(3), np.ones(2)])
    np.testing.assert_allclose(found.effects[0], effects[0], atol=1e-3)
    np.testing.assert_allclose(found.effects[1], effects[1], atol=1e-3)
    assert found.of((0, 1)) == pytest.approx(-2.0, abs=1e-3)


def test_noise_alone_has_no_effects():
    found = additive_estimate.fit(*observed(1), WORK)
    assert max(np.abs(np.concatenate(found.effects))) < 0.01


def test_an_option_that_was_never_seen_is_judged_by_its_work():
    effects = [-0.5 * np.log(own / own.mean()) for own in WORK]
    choices, losses = observed(2, effects=effects)
    seen = choices[:, 2] != 8
    found = additive_estimate.fit(choices[seen], losses[seen], WORK)
    assert found.effects[2][8] == min(found.effects[2])
    assert found.effects[2][8] == pytest.approx(effects[2][8] - effects[2].mean(), abs=0.03)
    assert found.deviations[2][8] > found.deviations[2][7]


def test_the_most_probable_network_has_the_least_loss():
    found = additive_estimate.fit(*observed(3, effects=some_effects(3)), WORK)
    p = found.probabilities
    assert p.shape == (4, 9)
    np.testing.assert_array_equal(np.nanargmax(p, axis=1), [own.argmin() for own in found.effects])
    np.testing.assert_allclose(np.nansum(p, axis=1), 1.0)
    ratio = np.log(p[0, 1] / p[0, 0])
    assert ratio == pytest.approx(found.effects[0][0] - found.effects[0][1])


def test_too_few_steps_are_refused():
    choices, losses = observed(0, steps=40)
    with pytest.raises(ValueError, match="expected at least 50 weight steps, received 40"):
        additive_estimate.fit(choices, losses, WORK)
