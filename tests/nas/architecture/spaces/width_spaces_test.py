import pytest

from nas.architecture import counting, spaces
from nas.architecture.operations import MBConv, Skip
from nas.architecture.spaces import mobilenets, stages
from nas.choices import space_costs

# Parameters and multiply-accumulates (224x224 pixels). The paper has 97, 209, 300, 509 and 582
# million multiply-accumulates.
MOBILENET_V2 = {
    0.5: (1_968_680, 97_131_840),
    0.75: (2_636_424, 209_069_792),
    1.0: (3_504_872, 300_774_272),
    1.3: (5_386_792, 509_374_560),
    1.4: (6_108_776, 582_195_824),
}

# Networks, and their fewest and most multiply-accumulates.
SIZES = {
    "proxyless_widths": (
        6**6 * 7**15 * 6 * 4 * 5 * 7 * 9 * 9 * 11 * 9 * 9,
        29_701_312,
        2_066_675_200,
    ),
    "cifar_widths": (4**2 * 5**5 * 4 * 7 * 13 * 17, 290_304, 24_728_064),
    "cifar_mobile": (8**2 * 9**5 * 4 * 7 * 13 * 17 * 2, 163_856, 45_341_184),
}


@pytest.mark.parametrize("name", SIZES)
def test_numbers_and_costs_of_their_networks(name):
    space = spaces.SPACES[name]
    macs = space_costs.macs_of(space)
    assert (space.cardinality, macs.fastest_ms, macs.slowest_ms) == SIZES[name]


@pytest.mark.parametrize("multiplier", MOBILENET_V2)
def test_mobilenet_v2_costs_what_was_published_and_is_in_the_space(multiplier):
    child = mobilenets.mobilenet_v2(multiplier)
    assert (counting.num_params(child), counting.num_macs(child)) == MOBILENET_V2[multiplier]
    check_network(spaces.SPACES["proxyless_widths"], child)


def check_network(space, child):
    """The space has a network of the same layers and costs."""
    found = space.child(space.choices(child))
    assert (found.stem, found.layers) == (child.stem, child.layers)
    assert found.head.widths == child.head.widths
    for count in (counting.num_params, counting.num_macs):
        assert count(found) == count(child)


def test_proxyless_mobile_is_in_the_space():
    check_network(spaces.SPACES["proxyless_widths"], spaces.PUBLISHED_CHILDREN["proxyless_mobile"])
    # Its widths are not all of those of the fixed space.
    with pytest.raises(ValueError, match="not a network of proxyless_imagenet"):
        spaces.SPACES["proxyless_imagenet"].choices(spaces.load_child("proxyless_mobile"))


def test_names_of_multiplied_networks():
    names = [mobilenets.mobilenet_v2(m).name for m in (1.0, 0.5, 1.4)]
    assert names == ["mobilenet_v2", "mobilenet_v2_x0.5", "mobilenet_v2_x1.4"]


def test_its_slots_are_those_of_the_space_of_fixed_widths():
    fixed, wide = spaces.SPACES["proxyless_imagenet"], spaces.SPACES["proxyless_widths"]
    middle = {f"w{i}": n for i, n in enumerate((32, 16, 24, 40, 80, 96, 192, 320))}
    assert wide.at(middle | {"head": 1280}).layers == fixed.layers
    # All multiples, each rounded to a multiple of 8.
    assert wide.widths["w2"] == (16, 24, 32, 40, 48)


def test_the_small_space_with_widths_is_the_small_space_at_its_widths():
    fixed, wide = spaces.SPACES["cifar"], spaces.SPACES["cifar_widths"]
    at_its_widths = wide.at({"w1": 16, "w2": 32, "w3": 64, "head": 128})
    assert (at_its_widths.stem, at_its_widths.layers) == (fixed.stem, fixed.layers)
    assert [label for label, _ in wide.option_labels[len(fixed.slots) :]] == [
        *("width w1", "width w2", "width w3", "width head")
    ]


def test_the_space_of_all_operations_has_few_candidates_and_contains_the_one_of_widths():
    space, narrow = spaces.SPACES["cifar_mobile"], spaces.SPACES["cifar_widths"]
    assert space.candidate_counts == (9, 8, 9, 9, 8, 9, 9)
    assert {op.kind for op in space.slots[0].candidates} == {
        "mbconv",
        "fused_mbconv",
        "uib",
        "skip",
    }
    activations = {op.activation for slot in space.slots for op in slot.candidates if op != Skip()}
    assert activations == {"relu6"}
    assert space.option_labels[-1] == ("resolution", ("24", "32"))
    for choices in ((0, 1, 2, 3, 3, 4, 4, 0, 0, 0, 0), (4, 3, 0, 1, 2, 0, 4, 3, 1, 12, 5)):
        check_network(space, narrow.child(choices))


def test_multiples_are_rounded_sorted_and_different():
    # 24 * 5/8 = 15 gives 16, and so does 24 * 1/2 = 12.
    assert stages.multiples(24, (2, 1, 5 / 8, 1 / 2), (20, 24)) == (16, 20, 24, 48)


def test_a_slot_may_be_skipped_between_two_sides_of_one_width():
    layers = stages.stage_slots(
        "a", [("a", 1, 1), ("b", 2, 1), ("b", 2, 2)], (MBConv(3, 1), MBConv(5, 1))
    )
    assert [Skip() in layer.candidates for layer in layers] == [True, False, True, False, True]
