import numpy as np
import pytest

from nas.architecture import counting, spaces
from nas.architecture.blocks import Block, Head, Slot, Stem
from nas.architecture.operations import UIB, FusedMBConv, MBConv, Skip
from nas.architecture.spaces import width_multiplied
from nas.architecture.specs import SearchSpace
from nas.choices import space_costs


@pytest.mark.parametrize(
    ("width", "multiplier", "expected"),
    # 16 * 0.35 = 5.6 gives 8. 32 * 0.35 = 11.2 gives 16, since 8 is below 90 %. 24 * 0.75 = 18
    # gives 24, since 16 is 89 %. 320 * 1.4 = 448.
    [(16, 0.35, 8), (32, 0.35, 16), (24, 0.75, 24), (320, 1.4, 448), (32, 1.0, 32)],
)
def test_widths_are_multiples_of_eight_of_at_least_nine_tenths(width, multiplier, expected):
    assert width_multiplied.scaled_width(width, multiplier) == expected


def test_unscaled_it_is_the_path_of_one_candidate():
    space = spaces.SPACES["proxyless_imagenet"]
    wanted = [layer.candidates.index(_k3e6(layer)) for layer in space.slots]
    plain, path = width_multiplied.fixed_width(space, 1.0), space.child(wanted)
    assert (plain.layers, plain.stem, plain.head) == (path.layers, path.stem, path.head)


def _k3e6(slot):
    return next(c for c in slot.candidates if c.kind == "mbconv" and c.label == "k3 e6")


def test_wider_costs_more_and_only_wide_networks_have_a_wider_head():
    space = spaces.SPACES["cifar"]
    children = [width_multiplied.fixed_width(space, m) for m in (0.5, 0.75, 1.0, 1.5, 2.0)]
    macs = [counting.num_macs(child) for child in children]
    assert macs == sorted(macs) and len(set(macs)) == len(macs)
    assert [child.head.width for child in children] == [128, 128, 128, 192, 256]
    assert all(len(child.layers) == len(space.layers) for child in children)


def test_a_multiplier_must_be_positive():
    with pytest.raises(ValueError, match="multiplier: expected a number above 0, received 0"):
        width_multiplied.fixed_width(spaces.SPACES["cifar"], 0.0)
    with pytest.raises(ValueError, match="multiplier: expected a number above 0, received -1"):
        width_multiplied.multiplied(spaces.SPACES["cifar_widths"], -1)


def test_the_options_nearest_to_the_multiplied_middles_by_hand():
    space = spaces.SPACES["cifar_widths"]
    # The middles are 16, 32, 64 and sqrt(128 * 256) = 181.
    for multiplier, expected in (
        (1.0, (16, 32, 64, 184)),
        # 22.4, 44.8, 89.6, 253.4.
        (1.4, (24, 48, 88, 256)),
        # 17.6, 35.2, 70.4, 199.1.
        (1.1, (16, 32, 72, 200)),
        (0.01, (8, 16, 32, 128)),
        (100.0, (32, 64, 128, 256)),
        # 8 and 16 are equally near to 11.3; the smaller one is taken.
        (2**-0.5, (8, 24, 48, 128)),
    ):
        child = space.child(width_multiplied.multiplied(space, multiplier))
        assert (child.stem.width, *[child.layers[i].output_width for i in (1, 4)]) == expected[:3]
        assert child.head.width == expected[3]


def test_a_slot_has_the_plainest_bottleneck_or_the_candidate_of_median_cost():
    squeezed, plain = MBConv(3, 6, "relu", 0.25), MBConv(3, 6, "hard_swish")
    space = SearchSpace(
        "some",
        (32, 48, 24),
        10,
        Stem(8),
        (
            Slot(8, "w", (Skip(), squeezed, MBConv(5, 6), plain), 2),
            Slot("w", "w", (MBConv(5, 3), squeezed, Skip())),
            # From the least to the most: skip, e2, e3, e4, fused.
            Slot("w", "w", (UIB(0, 3, 4), Skip(), FusedMBConv(3, 4), UIB(0, 3, 2), UIB(0, 3, 3))),
            Block(MBConv(3, 1), "w", 16),
        ),
        Head(16),
        widths={"w": (32, 8, 16)},
    )
    assert width_multiplied.multiplied(space, 1.0) == (3, 1, 4, 2, 1)
    assert width_multiplied.multiplied(space, 0.5)[3] == 1


def test_of_fixed_widths_there_is_one_network():
    space = spaces.SPACES["cifar"]
    choices = space.choices(width_multiplied.fixed_width(space, 1.0))
    assert width_multiplied.multiplied(space, 0.3) == choices
    assert width_multiplied.multiplier_within(space, lambda _: 5.0, 5.0) == (1.0, choices)
    assert width_multiplied.multiplier_within(space, lambda _: 5.0, 4.9) is None


@pytest.mark.parametrize("name", ["cifar_widths", "cifar_mobile", "mobilenet_v3"])
def test_the_largest_multiplier_within_a_limit_is_that_of_a_fine_grid(name):
    space = spaces.SPACES[name]
    grid = np.geomspace(0.4, 2.5, 1500)
    networks = list(dict.fromkeys(width_multiplied.multiplied(space, float(m)) for m in grid))
    macs = space_costs.macs_of(space)
    generator = np.random.default_rng(0)
    uneven = {network: float(generator.random()) for network in networks}
    for cost_of in (macs.of, lambda choices: uneven[tuple(choices)]):
        costs = [cost_of(network) for network in networks]
        for limit in (*costs[::4], max(costs) + 1, min(costs) * 1.001):
            multiplier, found = width_multiplied.multiplier_within(space, cost_of, limit)
            fitting = [n for n, cost in zip(networks, costs, strict=True) if cost <= limit]
            assert found == fitting[-1]
            assert width_multiplied.multiplied(space, multiplier) == found
        assert width_multiplied.multiplier_within(space, cost_of, 0.99 * min(costs)) is None


def test_every_multiplier_of_the_fixed_space_is_a_network_of_the_spaces_of_widths():
    cifar = spaces.SPACES["cifar"]
    for multiplier in np.linspace(0.5, 2.0, 31):
        child = width_multiplied.fixed_width(cifar, float(multiplier))
        for name in ("cifar_widths", "cifar_mobile"):
            space = spaces.SPACES[name]
            assert space.child(space.choices(child), child.name) == child
