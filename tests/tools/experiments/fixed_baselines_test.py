import dataclasses

import made_wide_workdir
import pytest

from export import support
from nas.architecture import counting, spaces, stride_check
from nas.architecture.operations import MBConv
from tools.experiments import fixed_baselines

CIFAR = spaces.SPACES["cifar"]
WIDE = made_wide_workdir.space(3)


def test_the_plain_network_of_a_fixed_space_has_multiplied_widths():
    child = fixed_baselines.plain(CIFAR, 0.5)
    assert {block.op for block in child.layers} == {MBConv(3, 6)}
    assert [block.output_width for block in child.layers] == [8, *3 * [16], *3 * [32]]


def test_the_plain_network_of_a_space_with_widths_is_one_of_its_networks():
    child = fixed_baselines.plain(WIDE, 0.85)
    assert child.name == "wide_x0.85" and child.resolution == 64
    choices = WIDE.choices(dataclasses.replace(child, name="any"))
    assert fixed_baselines.width_multiplied.multiplied(WIDE, 0.85) == choices


def test_v3_style_has_the_pattern_of_mobilenet_v3_on_the_stages():
    child = fixed_baselines.v3_style(CIFAR, 1.0, hard_swish=True)
    assert [block.op.label for block in child.layers] == [
        "k3 e4 relu",
        *3 * ["k5 e3 se0.25 relu"],
        "k3 e6 hard_swish",
        "k3 e6 hard_swish",
        "k5 e6 se0.25 hard_swish",
    ]
    assert (child.stem.activation, child.head.activation) == ("hard_swish", "hard_swish")
    assert [block.stride for block in child.layers] == [layer.stride for layer in CIFAR.layers]
    plain = fixed_baselines.v3_style(CIFAR, 1.0)
    activations = {block.op.activation for block in plain.layers}
    assert activations | {plain.stem.activation, plain.head.activation} == {"relu"}
    assert counting.num_params(plain) == counting.num_params(child)


def test_v3_style_takes_the_middle_of_widths_that_are_decisions():
    child = fixed_baselines.v3_style(WIDE, 1.0)
    # The middles are 22.6, 33.9 and 87.6; the head's is 156.8. The fixed block is kept.
    assert [block.output_width for block in child.layers] == [8, *3 * [24], *3 * [32], *3 * [88]]
    assert child.layers[0].op == MBConv(3, 1)
    assert [block.op.label for block in child.layers[1:4]] == ["k3 e4 relu", *2 * ["k3 e3 relu"]]
    assert (child.head.width, child.head.pooled_width, child.resolution) == (160, 256, 64)
    stride_check.check(child)


@pytest.mark.parametrize("space", [CIFAR, WIDE], ids=lambda space: space.name)
@pytest.mark.parametrize("design", [fixed_baselines.plain, fixed_baselines.v3_style])
def test_wider_networks_have_more_of_everything(space, design):
    children = [design(space, m) for m in (0.5, 0.75, 1.0, 1.5, 2.0)]
    for count in (counting.num_params, counting.num_macs):
        counts = [count(child) for child in children]
        assert counts == sorted(counts)
        assert counts[0] < counts[-1]


def test_hard_swish_is_only_tried_with_recipes_that_have_it():
    assert fixed_baselines.allows_hard_swish(CIFAR, "int8")
    assert not fixed_baselines.allows_hard_swish(CIFAR, "int16x8")
    support.check(fixed_baselines.v3_style(CIFAR, 1.0), "int16x8")
