import itertools

import numpy as np
import pytest

from nas.architecture import counting
from nas.architecture.blocks import Head, Slot, Stem
from nas.architecture.operations import MBConv, Skip
from nas.architecture.specs import SearchSpace
from nas.choices import derive, space_costs
from nas.choices.work import Work

# So small that all networks can be counted.
SPACE = SearchSpace(
    name="small",
    resolution=16,
    num_classes=4,
    stem=Stem(8),
    layers=(
        Slot(8, "w", (MBConv(3, 3), MBConv(5, 6)), 2),
        Slot("w", "w", (MBConv(3, 3), MBConv(5, 6), MBConv(7, 2), Skip())),
        Slot("w", 24, (MBConv(3, 1), MBConv(3, 6))),
    ),
    head=Head(32),
    widths={"w": (8, 16, 24)},
)
NETWORKS = list(itertools.product(*map(range, SPACE.option_counts)))
PARAMS = space_costs.params_of(SPACE)
TARGET = PARAMS.at(0.5)


def choose_by(p, worth=()):
    return derive.most_probable_within(p, PARAMS, TARGET, 0.0, worth)


def probabilities(seed=0):
    rng = np.random.default_rng(seed)
    values = np.where(PARAMS.mask, rng.uniform(0.1, 1.0, PARAMS.mask.shape), np.nan)
    return values / np.nansum(values, axis=1, keepdims=True)


def counted(choices):
    child = SPACE.child(choices)
    return np.log(counting.num_macs(child)) + 0.5 * np.log(counting.num_params(child))


def test_the_work_of_a_network_is_its_macs_times_the_root_of_its_parameters():
    for choices in NETWORKS[::5]:
        assert Work(SPACE).log(choices) == pytest.approx(counted(choices), abs=1e-9)


@pytest.mark.parametrize("nats", [0.0, 0.3, 1.0, 5.0])
@pytest.mark.parametrize("seed", range(3))
def test_the_best_is_that_of_all_networks(nats, seed):
    p = probabilities(seed)

    def worth(choices):
        log_p = sum(np.log(row[c]) for row, c in zip(p, choices, strict=True))
        return log_p + nats * counted(choices)

    found = Work(SPACE).best(choose_by, p, nats)
    within = [choices for choices in NETWORKS if PARAMS.of(choices) <= TARGET]
    assert PARAMS.of(found) <= TARGET
    assert worth(found) == pytest.approx(max(map(worth, within)), abs=1e-6)


def test_more_worth_of_work_gives_more_work():
    p = probabilities()
    works = [counted(Work(SPACE).best(choose_by, p, nats)) for nats in (0.0, 1.0, 10.0)]
    assert works == sorted(works) and works[0] < works[-1]
