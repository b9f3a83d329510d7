"""Distribution, most probable child and uniform children of chains with widths and resolutions."""

import collections
import math
import random

import made_chains
import numpy as np
import pytest
import tensorflow as tf
from made_chains import MadeChain

from nas.choices import chain_sweep, cost_distribution, derive
from nas.choices.chain_costs import ChainCosts
from nas.choices.cost_distribution import LatencyDistribution
from nas.choices.layer_costs import LayerCosts
from nas.choices.uniform_children import UniformChildren
from nas.objectives.target_latency import TargetLatency

CHAINS = pytest.mark.parametrize("name", made_chains.CHAINS)
SEEDS = pytest.mark.parametrize("seed", range(3))


@CHAINS
@SEEDS
def test_scores_are_those_of_all_networks(name, seed, monkeypatch):
    chain = MadeChain(name, seed, whole=True)
    least, most = int(chain.totals.min()), int(chain.totals.max())
    # One bin a millisecond, so nothing is rounded.
    monkeypatch.setattr(cost_distribution, "_NUM_BINS", most - least + 1)
    distribution = LatencyDistribution(chain.costs)
    np.testing.assert_array_equal(distribution.grid_ms, np.arange(least, most + 1))
    score = np.random.default_rng(seed).uniform(size=most - least + 1)
    p = chain.random_probabilities(seed)
    found = distribution.scores(tf.constant(p, tf.float32), tf.constant(score, tf.float32))
    values = score[chain.totals.astype(int) - least]
    np.testing.assert_allclose(found.mean, np.sum(chain.chances(p) * values), rtol=1e-5)
    np.testing.assert_allclose(found.by_candidate, chain.given(p, values), rtol=1e-5)


@CHAINS
def test_scores_on_the_usual_grid_are_close(name):
    chain = MadeChain(name)
    distribution, middle = LatencyDistribution(chain.costs), chain.costs.at(0.4)

    def score(ms):
        return 1.0 / (1.0 + (5.0 * (ms / middle - 1.0)) ** 4)

    p = chain.random_probabilities()
    found = distribution.scores(
        tf.constant(p, tf.float32), tf.constant(score(distribution.grid_ms), tf.float32)
    )
    np.testing.assert_allclose(
        found.by_candidate, chain.given(p, score(chain.totals)), rtol=5e-3, atol=1e-6
    )


@CHAINS
def test_a_score_is_the_derivative_by_its_probability(name):
    chain = MadeChain(name)
    distribution = LatencyDistribution(chain.costs)
    p = tf.constant(chain.random_probabilities(), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(p)
        found = distribution.scores(p, tf.sin(tf.constant(distribution.grid_ms)))
    np.testing.assert_allclose(found.by_candidate, tape.gradient(found.mean, p), atol=1e-5)


@CHAINS
def test_excess_adds_up_to_the_cost_above_the_fastest_network(name):
    chain = MadeChain(name)
    starts, steps = chain_sweep.excess(chain.costs.steps)
    assert all((step.costs >= 0.0).all() for step in steps) and starts.min() == 0.0
    resolution = chain.costs.resolution
    for choices, total in zip(chain.networks[::11], chain.totals[::11], strict=True):
        r, a = 0 if resolution is None else choices[resolution], 0
        above = starts[r]
        for step in steps:
            b = a if step.width is None else choices[step.width]
            b = 0 if step.width is None and not step.keeps_width else b
            above += step.cost(r, 0 if step.operation is None else choices[step.operation], a, b)
            a = b
        assert above == pytest.approx(total - chain.totals.min(), abs=1e-9)


@CHAINS
@SEEDS
@pytest.mark.parametrize("fraction", [0.0, 0.15, 0.5, 1.0])
def test_the_most_probable_child_is_that_of_all_networks(name, seed, fraction):
    chain = MadeChain(name, seed, whole=True)
    p = chain.random_probabilities(seed)
    limit = math.ceil(chain.costs.at(fraction))
    at_least = 0.9 * limit
    chances = np.where(chain.totals <= limit, chain.chances(p), 0.0)
    in_band = np.where(chain.totals >= at_least, chances, 0.0)
    best = chain.networks[(in_band if in_band.any() else chances).argmax()]
    padded = np.where(chain.costs.mask, p, np.nan)
    assert derive.most_probable_within(padded, chain.costs, limit, at_least) == tuple(best)


@CHAINS
@SEEDS
def test_other_costs_can_be_worth_something(name, seed):
    chain = MadeChain(name, seed, whole=True)
    others = [MadeChain(name, seed + 10), MadeChain(name, seed + 20)]
    worth = [(others[0].costs, 0.3), (others[1].costs, -0.1)]
    p = chain.random_probabilities(seed)
    limit = math.ceil(chain.costs.at(0.3))
    scores = np.log(chain.chances(p)) + 0.3 * others[0].totals - 0.1 * others[1].totals
    in_band = (chain.totals <= limit) & (chain.totals >= 0.9 * limit)
    best = chain.networks[np.where(in_band, scores, -np.inf).argmax()]
    padded = np.where(chain.costs.mask, p, np.nan)
    found = derive.most_probable_within(padded, chain.costs, limit, 0.9 * limit, worth)
    assert found == tuple(best)
    assert found != derive.most_probable_within(padded, chain.costs, limit, 0.9 * limit)


@CHAINS
@SEEDS
def test_the_limit_holds_for_any_milliseconds_and_is_used(name, seed):
    chain = MadeChain(name, seed)
    padded = np.where(chain.costs.mask, chain.random_probabilities(seed), np.nan)
    for limit in np.quantile(chain.totals, [0.0, 0.01, 0.3, 0.9], method="lower"):
        # The sum of the enumeration may differ from the chain's in its last bit.
        limit *= 1 + 1e-12
        found = derive.most_probable_within(padded, chain.costs, limit)
        assert chain.costs.of(found) <= limit
    target = chain.costs.at(0.3)
    found = derive.most_probable_on(padded, chain.costs, target)
    assert chain.costs.of(found) == pytest.approx(target, rel=derive.TARGET_BAND)


@CHAINS
def test_all_networks_under_a_limit_are_drawn_and_no_other(name):
    chain = MadeChain(name)
    limit = np.sort(chain.totals)[40]
    allowed = set(map(tuple, chain.networks[chain.totals <= limit].tolist()))
    # The sum of the enumeration may differ from the chain's in its last bit.
    children = UniformChildren(chain.costs, limit * (1 + 1e-12))
    assert set(children.draw_different(random.Random(0), len(allowed))) == allowed
    assert children.counts == chain.counts


@CHAINS
@pytest.mark.parametrize("share", [0.02, 1.0])
def test_draws_are_uniform_over_operations_widths_and_resolutions(name, share):
    chain = MadeChain(name, seed=4)
    limit = np.quantile(chain.totals, share, method="lower") * (1 + 1e-12)
    allowed = [tuple(c) for c in chain.networks[chain.totals <= limit].tolist()]
    children, source = (
        UniformChildren(chain.costs, limit if share < 1.0 else None),
        random.Random(0),
    )
    draws = 20_000
    counts = collections.Counter(children.draw(source) for _ in range(draws))
    assert set(counts) <= set(allowed)
    mean = draws / len(allowed)
    chi_square = sum((counts[c] - mean) ** 2 / mean for c in allowed)
    freedom = len(allowed) - 1
    assert abs(chi_square - freedom) < 5 * (2 * freedom) ** 0.5


def test_counts_beyond_64_bits_are_exact():
    widths = [LayerCosts(np.zeros([1, 1, 1, 7]), None, None, 30)]
    slots = [LayerCosts(np.zeros([1, 7, 7, 1]), row, 30, 30) for row in range(30)]
    children = UniformChildren(ChainCosts([*widths, *slots]), None)
    assert children._completions[0][0][0][-1] == 7**31
    assert len(set(children.draw_different(random.Random(0), 20))) == 20


@CHAINS
def test_a_limit_below_the_fastest_is_refused_with_the_range(name):
    chain = MadeChain(name)
    padded = np.where(chain.costs.mask, chain.random_probabilities(), np.nan)
    limit = chain.totals.min() - 0.01
    with pytest.raises(ValueError, match=f"between {chain.totals.min():.4g} and"):
        derive.most_probable_within(padded, chain.costs, limit)
    with pytest.raises(ValueError, match=f"between {chain.totals.min():.4g} and"):
        UniformChildren(chain.costs, limit)


@CHAINS
def test_the_force_of_a_target_acts_on_widths_and_resolution_too(name):
    chain = MadeChain(name)
    target = chain.costs.at(0.2)
    objective = TargetLatency(chain.costs, target, 10)
    alpha = tf.zeros(chain.costs.mask.shape)
    force, chance = objective.force(alpha, tf.constant(1.0), tf.constant(0.05))
    p = np.where(chain.costs.mask, 1.0 / np.array(chain.counts)[:, None], 0.0)
    hit = 1.0 / (1.0 + ((chain.totals / target - 1.0) / 0.05) ** 4)
    mean = np.sum(chain.chances(p) * hit)
    np.testing.assert_allclose(chance, mean, rtol=0.02)
    np.testing.assert_allclose(force, p - p * chain.given(p, hit) / mean, atol=0.01)
    assert np.abs(force).max() > 0.05
