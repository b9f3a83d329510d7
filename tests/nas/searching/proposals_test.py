import dataclasses
import types

import numpy as np
import pytest

from nas.architecture import spaces
from nas.architecture.blocks import Head, Slot, Stem
from nas.architecture.operations import MBConv, Skip
from nas.architecture.spaces import width_multiplied
from nas.architecture.specs import SearchSpace
from nas.choices import derive, space_costs
from nas.choices.additive_estimate import AdditiveEstimate
from nas.searching import proposals
from nas.searching.search_config import SearchConfig

MBCONVS = (MBConv(3, 3), MBConv(5, 3), MBConv(3, 6))
WIDTHS = SearchSpace(
    name="widths",
    resolution=16,
    num_classes=4,
    stem=Stem("w1"),
    layers=(
        Slot("w1", "w1", (*MBCONVS, Skip())),
        Slot("w1", "w2", MBCONVS, 2),
        Slot("w2", "w2", (*MBCONVS, Skip())),
        Slot("w2", "w3", MBCONVS, 2),
    ),
    head=Head("head"),
    widths={"w1": (8, 16, 24), "w2": (16, 24, 32, 40), "w3": (32, 48, 64, 80), "head": (64, 128)},
)
FIXED = spaces.load_space("tiny")


def estimate(space, seed=0, deviation=0.02):
    rng = np.random.default_rng(seed)
    effects = [rng.normal(0.0, 0.02, count) for count in space.option_counts]
    root = [deviation * rng.standard_normal((count, 30)) for count in space.option_counts]
    return AdditiveEstimate(effects, 0.1, 1000, root)


def proposed(
    space, finalists, fraction=0.4, own=None, is_limit=False, deviation=0.02, pretrained=None
):
    costs = space_costs.macs_of(space)
    target = costs.at(fraction)
    config = SearchConfig(finalists=finalists, target=target, is_limit=is_limit)
    task = types.SimpleNamespace(space=space, latencies=costs, config=config, pretrained=pretrained)

    def choose_by(p, worth=()):
        if is_limit:
            return derive.most_probable_within(p, costs, target, 0.97 * target, worth)
        return derive.most_probable_on(p, costs, target, worth)

    found = proposals.propose(task, estimate(space, deviation=deviation), choose_by, own, is_limit)
    return found, target


@pytest.mark.parametrize("is_limit", [False, True])
def test_all_are_different_and_meet_the_target(is_limit):
    found, target = proposed(WIDTHS, 16, is_limit=is_limit)
    assert len({one.choices for one in found}) == 16
    for one in found:
        assert one.cost == space_costs.macs_of(WIDTHS).of(one.choices)
        assert 0.97 * target <= one.cost <= target * (1.0 if is_limit else 1.03)
    origins = [one.origin for one in found]
    assert origins[0] == "estimate" and origins.count("most work") == 1
    assert {"one operation", "draw"} < set(origins)


def test_the_first_is_the_best_of_the_estimate():
    found, target = proposed(WIDTHS, 4)
    costs = space_costs.macs_of(WIDTHS)
    best = derive.most_probable_on(estimate(WIDTHS).probabilities, costs, target)
    assert found[0].choices == best


@pytest.mark.parametrize("size", [24, 16, None])
def test_the_pretrained_network_is_one_at_the_largest_resolution_that_meets_the_target(
    size, monkeypatch
):
    space = dataclasses.replace(WIDTHS, resolution=(24, 12, 16))
    # The smallest resolution first.
    own = [(1, 0, 0, 0, 0, 0, 0, 0, row) for row in (1, 2, 0)]
    monkeypatch.setattr(proposals.pretrained_start, "at_every_resolution", lambda *_: own)
    costs = space_costs.macs_of(space)
    smallest, middle, largest = (costs.of(choices) for choices in own)
    target = {24: 1.5 * largest, 16: middle, None: (costs.fastest_ms + smallest) / 2}[size]
    fraction = (target - costs.fastest_ms) / (costs.slowest_ms - costs.fastest_ms)
    found, _ = proposed(space, 3, fraction, pretrained="a seed")
    sizes = [space.child(one.choices).resolution for one in found if one.origin == "pretrained"]
    assert sizes == ([] if size is None else [size])


def test_fewer_are_the_first_of_more():
    assert [one.choices for one in proposed(WIDTHS, 12)[0]][:5] == [
        one.choices for one in proposed(WIDTHS, 5)[0]
    ]


def test_the_multiplied_width_is_one_that_meets_the_target():
    costs = space_costs.macs_of(WIDTHS)
    networks = width_multiplied.all_multiplied(WIDTHS)
    span = costs.slowest_ms - costs.fastest_ms
    fraction = (costs.of(networks[4]) - costs.fastest_ms) / span
    found, _ = proposed(WIDTHS, 5, fraction)
    (own,) = [one for one in found if one.origin == "width"]
    assert own.choices in networks and own.cost == pytest.approx(costs.of(networks[4]), rel=0.03)


def test_there_is_one_of_each_operation_in_every_slot():
    found, _ = proposed(WIDTHS, 16)
    labels = [{block.op.label for block in WIDTHS.child(one.choices).layers} for one in found]
    # One of them may be that of most work, too.
    assert all({op.label} in labels for op in MBCONVS)
    assert all(
        len(own) == 1
        for own, one in zip(labels, found, strict=True)
        if one.origin == "one operation"
    )


def test_the_algorithms_own_choice_is_among_them():
    choices = proposed(WIDTHS, 16)[0][-1].choices
    found, _ = proposed(WIDTHS, 16, own=lambda: choices)
    assert [one.choices for one in found if one.origin == "alpha"] == [choices]


def test_without_uncertainty_there_are_no_draws():
    found, _ = proposed(WIDTHS, 16, deviation=0.0)
    assert "draw" not in [one.origin for one in found] and len(found) < 16


def test_a_fixed_space_has_no_multiplied_width():
    found, _ = proposed(FIXED, 3)
    assert found and "width" not in [one.origin for one in found]
