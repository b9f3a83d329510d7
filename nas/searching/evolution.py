"""Evolutionary search among the paths of a trained supernet (Guo et al. 2019, section 3.4).

The first generation is drawn uniformly from the children under the latency limit. In every later
generation one half are crossovers: two parents, and for each decision the choice of one of them at
random. The other half are mutations: a parent of which some decisions are redrawn. The parents are
the best networks of all generations so far. A network that was already evaluated or exceeds the
limit is redrawn; after too many failed tries, uniform draws fill the generation. Draws depend only
on the seed, the generation and the networks evaluated before it, so a killed search resumes to the
same result.
"""

import random
from collections.abc import Callable

from nas.choices.uniform_children import Choices, UniformChildren
from nas.progress import Track, untracked
from nas.searching.judged_networks import Judged, JudgedNetworks
from nas.searching.search_config import SearchConfig

_TRIES = 50


def evolve(
    children: UniformChildren,
    accuracy_of: Callable[[Choices], float],
    config: SearchConfig,
    judged: JudgedNetworks,
    track: Track = untracked,
) -> Judged:
    """Returns the best network of all generations.

    Args:
        children: the children that may be returned.
        accuracy_of: evaluates one network; higher is better.
        config: `seed` and the settings that begin with `evolution` or `mutation` are used.
        judged: networks of finished generations; each new generation is added.
        track: shows progress: (iterable, number of items, label).
    """
    for generation in range(judged.rounds, config.evolution_generations):
        rng = random.Random(f"evolution {config.seed} {generation}")
        networks = _generation(children, config, judged.networks, rng)
        label = f"generation {generation + 1}/{config.evolution_generations}"
        judged.add_round(
            [
                Judged(choices, accuracy_of(choices), children.cost(choices), generation)
                for choices in track(networks, len(networks), label)
            ]
        )
    return judged.best


def _generation(
    children: UniformChildren, config: SearchConfig, before: list[Judged], rng: random.Random
) -> list[Choices]:
    """Draws networks that were not evaluated before; fewer if hardly any others exist."""
    known = {network.choices for network in before}
    found: dict[Choices, None] = {}

    def fill(size: int, draw: Callable[[], Choices]) -> None:
        for _ in range(_TRIES * config.evolution_population):
            if len(found) >= size:
                return
            choices = draw()
            if choices not in known and children.allows(choices):
                found[choices] = None

    parents = [n.choices for n in sorted(before, key=lambda network: network.rank)]
    parents = parents[: config.evolution_parents]
    if len(parents) > 1:
        fill(config.evolution_population // 2, lambda: _crossover(parents, rng))
    if parents:
        fill(
            config.evolution_population,
            lambda: _mutation(parents, children.counts, config.mutation_probability, rng),
        )
    fill(config.evolution_population, lambda: children.draw(rng))
    return list(found)


def _crossover(parents: list[Choices], rng: random.Random) -> Choices:
    pair = rng.sample(parents, 2)
    return tuple(rng.choice(both) for both in zip(*pair, strict=True))


def _mutation(
    parents: list[Choices], counts: list[int], probability: float, rng: random.Random
) -> Choices:
    parent = rng.choice(parents)
    return tuple(
        rng.randrange(count) if rng.random() < probability else choice
        for choice, count in zip(parent, counts, strict=True)
    )
