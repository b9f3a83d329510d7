import itertools

import numpy as np
import pytest

from nas.choices import ordered_networks
from nas.choices.candidate_costs import Latencies
from tests.support import made_chains


def chains():
    yield "fixed", Latencies([np.array([1.0, 3.0]), np.array([2.0, 2.0, 0.5])], 4.0)
    for name in ("fixed_pieces", "one_resolution"):
        yield name, made_chains.MadeChain(name, seed=0).costs


@pytest.mark.parametrize("costs", [pytest.param(c, id=name) for name, c in chains()])
@pytest.mark.parametrize("dearest_first", [False, True])
def test_every_network_comes_once_in_the_order_of_its_cost(costs, dearest_first):
    found = list(ordered_networks.by_cost(costs, dearest_first))
    everyone = itertools.product(*(range(count) for count in costs.counts))
    assert sorted(found) == sorted(everyone)
    values = np.array([costs.of(choices) for choices in found])
    steps = np.diff(-values if dearest_first else values)
    assert (steps >= -1e-9 * np.abs(values).max()).all()
