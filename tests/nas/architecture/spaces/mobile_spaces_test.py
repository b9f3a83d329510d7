import pytest

from nas.architecture import counting, spaces
from nas.architecture.operations import UIB, FusedMBConv, MBConv, Skip
from nas.choices import space_costs

# Networks, and their fewest and most multiply-accumulates (224x224 pixels).
SIZES = {
    "mobilenet_v3": (1_469_562_033_928_207_564_800, 18_188_952, 590_070_464),
    "mobilenet_v4": (26_946_032_906_793_000_000, 21_264_688, 1_025_429_408),
}


@pytest.mark.parametrize("name", SIZES)
def test_numbers_and_costs_of_their_networks(name):
    space = spaces.SPACES[name]
    macs = space_costs.macs_of(space)
    assert (space.cardinality, macs.fastest_ms, macs.slowest_ms) == SIZES[name]


@pytest.mark.parametrize(
    ("name", "network"),
    [
        ("mobilenet_v3", "mobilenet_v3_large"),
        ("mobilenet_v3", "mobilenet_v3_small"),
        ("mobilenet_v4", "mobilenet_v4_conv_small"),
    ],
)
def test_published_networks_are_in_their_space(name, network):
    space, child = spaces.SPACES[name], spaces.PUBLISHED_CHILDREN[network]
    choices = space.choices(child)
    assert space.child(choices, network) == child
    assert space_costs.macs_of(space).of(choices) == counting.num_macs(child)
    assert space_costs.params_of(space).of(choices) == counting.num_params(child)


def test_the_small_network_skips_what_the_large_one_has():
    large, small = (spaces.load_child(f"mobilenet_v3_{size}") for size in ("large", "small"))
    skipped = [i for i, block in enumerate(small.layers) if block.is_identity]
    assert skipped == [0, 2, 5, 9]
    assert not any(block.is_identity for block in large.layers)
    assert [b.stride for b in small.layers] == [b.stride for b in large.layers]
    # A stage has one activation in both.
    for one, other in zip(small.layers, large.layers, strict=True):
        assert one.is_identity or one.op.activation == other.op.activation


def test_a_slot_has_the_grid_and_what_is_published():
    grid = {MBConv(k, e, "hard_swish", se) for k in (3, 5, 7) for e in (3, 6) for se in (0.0, 0.25)}
    slots = spaces.SPACES["mobilenet_v3"].slots
    assert set(slots[7].candidates) - grid == {MBConv(3, 2.5, "hard_swish"), Skip()}
    assert set(slots[10].candidates) == grid
    slots = spaces.SPACES["mobilenet_v4"].slots
    assert FusedMBConv(1, 1, "relu") in slots[1].candidates
    # Without a depthwise convolution there is no stride of 2.
    assert [UIB(0, 0, 2, "relu") in slot.candidates for slot in slots[3:9]] == [False] + 5 * [True]


def test_the_widths_are_near_those_of_a_published_network():
    widths = spaces.SPACES["mobilenet_v3"].widths
    # 40 and 80, each times 3/4, 1 and 5/4.
    assert widths["w4"] == (32, 40, 48, 64, 80, 104)
    assert widths["pooled"] == (1024, 1280)
