import json

import made_chains
import numpy as np
import pytest
import tensorflow as tf
from made_chains import MadeChain

from nas.choices.chain_costs import ChainCosts
from nas.choices.layer_costs import LayerCosts

CHAINS = pytest.mark.parametrize("name", made_chains.CHAINS)


def multilinear(chain, p):
    """The sum of all tables, each axis weighted by the probabilities of its row."""
    total = 0.0
    for table, rows in chain.tables:
        for row in reversed(rows):
            table = table @ p[row, : chain.counts[row]]
        total += float(table)
    return total


@CHAINS
@pytest.mark.parametrize("seed", range(3))
def test_costs_and_their_range_are_those_of_all_networks(name, seed):
    chain = MadeChain(name, seed)
    costs = chain.costs
    assert costs.counts == chain.counts
    np.testing.assert_array_equal(costs.mask.sum(axis=1), chain.counts)
    for i in range(0, len(chain.networks), 7):
        assert costs.of(chain.networks[i]) == pytest.approx(chain.totals[i], rel=1e-12)
    assert costs.fastest_ms == pytest.approx(chain.totals.min(), rel=1e-12)
    assert costs.slowest_ms == pytest.approx(chain.totals.max(), rel=1e-12)
    assert costs.at(0.0) == costs.fastest_ms
    assert costs.at(1.0) == pytest.approx(costs.slowest_ms, rel=1e-12)
    found = costs.costs_of(tf.constant(chain.networks, tf.int32))
    np.testing.assert_allclose(found, chain.totals, rtol=1e-6)


@CHAINS
@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-6), ("float64", 1e-12)])
def test_the_expectation_is_the_mean_over_all_networks(name, precision, tolerance):
    chain = MadeChain(name)
    p = chain.random_probabilities()
    found = chain.costs.expected(tf.constant(p, precision))
    np.testing.assert_allclose(found, np.sum(chain.chances(p) * chain.totals), rtol=tolerance)


@CHAINS
@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-6), ("float64", 1e-12)])
def test_the_gradient_is_that_of_the_multilinear_form(name, precision, tolerance):
    chain = MadeChain(name)
    p = chain.random_probabilities(1)
    given = tf.constant(p, precision)
    with tf.GradientTape() as tape:
        tape.watch(given)
        expected = chain.costs.expected(given)
    gradient = chain.costs.gradient(given).numpy()
    scale = float(np.abs(gradient).max())
    by_tape = tape.gradient(expected, given)
    np.testing.assert_allclose(gradient, by_tape, rtol=tolerance, atol=tolerance * scale)
    # The form is linear in every probability, so a difference of any length is its derivative.
    for row, count in enumerate(chain.counts):
        for option in range(count):
            more = p.copy()
            more[row, option] += 1.0
            difference = multilinear(chain, more) - multilinear(chain, p)
            assert gradient[row, option] == pytest.approx(difference, abs=10 * tolerance * scale)
    assert not gradient[~chain.costs.mask].any()


@CHAINS
def test_the_gradient_is_the_mean_given_an_option_up_to_a_constant_of_the_row(name):
    chain = MadeChain(name)
    p = chain.random_probabilities(2)
    apart = chain.costs.gradient(tf.constant(p)).numpy() - chain.given(p, chain.totals)
    for row, count in zip(apart, chain.counts, strict=True):
        np.testing.assert_allclose(row[:count], row[0], rtol=1e-12)


@CHAINS
def test_the_most_probable_network_has_the_largest_alpha_in_every_row(name):
    chain = MadeChain(name)
    alpha = np.random.default_rng(0).normal(size=chain.costs.mask.shape)
    alpha = np.where(chain.costs.mask, alpha, 99.0)
    best = [int(row[:count].argmax()) for row, count in zip(alpha, chain.counts, strict=True)]
    found = chain.costs.most_probable(tf.constant(alpha, tf.float32), chain.costs.mask)
    np.testing.assert_allclose(found, chain.costs.of(best), rtol=1e-6)


@CHAINS
def test_costs_are_written_as_json_and_read_back(name):
    chain = MadeChain(name)
    read = json.loads(json.dumps(chain.costs.to_dict()))
    layers = [
        LayerCosts(np.array(row["costs_ms"]), row["operation"], row["before"], row["after"])
        for row in read["layers"]
    ]
    again = ChainCosts(layers, read["resolution"], read["quantity"])
    assert again.to_dict() == chain.costs.to_dict()
    assert again.fastest_ms == chain.costs.fastest_ms


def test_another_quantity_is_named_in_its_own_unit():
    macs = ChainCosts([LayerCosts(np.full([1, 2, 1, 1], 3e6), 0)], quantity="macs")
    assert macs.unit == "macs"
    with pytest.raises(ValueError, match=r"target macs: expected between 3e\+06 and 3e\+06 macs"):
        macs.check_target(1e6)


@CHAINS
def test_a_target_out_of_reach_is_refused_with_the_range(name):
    chain = MadeChain(name)
    chain.costs.check_target(chain.costs.at(0.5))
    with pytest.raises(ValueError, match=f"between {chain.totals.min():.4g} and"):
        chain.costs.check_target(chain.totals.min() - 0.1)


@pytest.mark.parametrize("choices", [[0] * 10, [0] * 12])
def test_another_number_of_choices_than_rows_is_refused(choices):
    with pytest.raises(ValueError):
        MadeChain("stages").costs.of(choices)


def test_a_choice_that_is_no_option_of_its_row_is_refused():
    with pytest.raises(IndexError):
        MadeChain("stages").costs.of([2] + [0] * 10)
