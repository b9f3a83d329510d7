import pytest

from nas.architecture import counting, spaces
from nas.architecture.spaces import width_multiplied


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
