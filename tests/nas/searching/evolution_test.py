import dataclasses
import itertools

import numpy as np
import pytest

from nas.choices.candidate_costs import Latencies
from nas.choices.uniform_children import UniformChildren
from nas.searching import evolution
from nas.searching.judged_networks import JudgedNetworks
from nas.searching.search_config import SearchConfig

# 4^6 networks; a candidate with a larger number costs more and adds more to the accuracy.
LATENCIES = Latencies([np.arange(1.0, 5.0)] * 6, 2.0)
LIMIT_MS = 17.0
CONFIG = SearchConfig(seed=3, evolution_population=16, evolution_generations=8, evolution_parents=5)


def accuracy(choices):
    """Early slots add more accuracy, so the best networks spend the limit on them."""
    return sum((6 - i) * choice for i, choice in enumerate(choices)) / 100


def evolve(path, config=CONFIG, limit_ms=LIMIT_MS, judge=accuracy, identity=None):
    judged = JudgedNetworks(path, identity or {"run": 1})
    return evolution.evolve(UniformChildren(LATENCIES, limit_ms), judge, config, judged), judged


def test_it_finds_better_networks_than_as_many_random_draws_and_never_exceeds_the_limit(tmp_path):
    best, judged = evolve(tmp_path / "networks.json")
    assert len(judged.networks) == 16 * 8
    assert len({n.choices for n in judged.networks}) == 16 * 8
    assert all(n.cost == LATENCIES.of(n.choices) <= LIMIT_MS for n in judged.networks)
    one_round = dataclasses.replace(CONFIG, evolution_population=16 * 8, evolution_generations=1)
    random_best, _ = evolve(tmp_path / "random.json", one_round)
    assert best.validation_accuracy > random_best.validation_accuracy
    children = itertools.product(range(4), repeat=6)
    optimum = max(accuracy(c) for c in children if LATENCIES.of(c) <= LIMIT_MS)
    assert best.validation_accuracy >= optimum - 0.02


class Killed(Exception):
    pass


@pytest.mark.parametrize("judgements", [5, 16, 40])
def test_a_killed_evolution_ends_as_one_that_was_left_alone(judgements, tmp_path):
    whole, undisturbed = evolve(tmp_path / "whole.json")
    calls = []

    def judge(choices):
        calls.append(choices)
        if len(calls) == judgements:
            raise Killed
        return accuracy(choices)

    with pytest.raises(Killed):
        evolve(tmp_path / "part.json", judge=judge)
    calls.clear()
    best, judged = evolve(tmp_path / "part.json", judge=lambda c: calls.append(c) or accuracy(c))
    assert (best, judged.networks) == (whole, undisturbed.networks)
    # Networks of finished generations are not evaluated again.
    assert len(calls) == 16 * 8 - (judgements - 1) // 16 * 16


def test_another_seed_takes_another_way(tmp_path):
    _, judged = evolve(tmp_path / "a.json")
    _, others = evolve(tmp_path / "b.json", dataclasses.replace(CONFIG, seed=4))
    assert judged.networks != others.networks


def test_mutation_and_crossover_take_from_the_parents(tmp_path):
    _, judged = evolve(tmp_path / "a.json", dataclasses.replace(CONFIG, mutation_probability=0.0))
    # Without mutation, every choice after the first generation comes from a parent.
    rounds = [[n for n in judged.networks if n.round == i] for i in range(8)]
    before = sorted(rounds[0], key=lambda n: n.rank)[:5]
    for network in rounds[1][:8]:
        assert all(c in {p.choices[i] for p in before} for i, c in enumerate(network.choices))


def test_a_space_smaller_than_its_populations_is_judged_whole(tmp_path):
    best, judged = evolve(tmp_path / "a.json", limit_ms=9.0)
    allowed = {c for c in itertools.product(range(4), repeat=6) if LATENCIES.of(c) <= 9.0}
    assert len(allowed) == 7
    assert {n.choices for n in judged.networks} == allowed
    assert best.choices == (1, 0, 0, 0, 0, 0)


def test_of_equally_accurate_networks_the_fastest_wins(tmp_path):
    best, judged = evolve(tmp_path / "a.json", judge=lambda choices: 0.5)
    assert best.cost == min(n.cost for n in judged.networks)
