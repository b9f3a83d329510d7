import pytest

from latency_models.measuring import parts
from latency_models.models import nearest
from latency_models.models.nearest import NearestWidths
from nas.architecture import spaces
from nas.architecture.blocks import Block
from nas.architecture.operations import MBConv, Skip

RULE = NearestWidths(1.5)


def part(op, input_width, output_width, stride=1, resolution=16):
    return parts.block_part(Block(op, input_width, output_width, stride), resolution)


WANTED = part(MBConv(3, 6), 24, 24)


@pytest.mark.parametrize(
    "entry",
    [
        part(MBConv(5, 6), 24, 24),
        part(MBConv(3, 3), 24, 24),
        part(MBConv(3, 6, "relu"), 24, 24),
        part(MBConv(3, 6), 24, 24, 2),
        part(MBConv(3, 6), 24, 24, 1, 32),
        part(MBConv(3, 6), 40, 40),
        part(Skip(), 24, 24, 2),
    ],
)
def test_another_operation_or_a_far_width_does_not_stand_in(entry):
    assert RULE.entry(WANTED, [entry]) is None


def test_the_closest_widths_stand_in():
    near, far = part(MBConv(3, 6), 32, 32), part(MBConv(3, 6), 16, 16)
    assert RULE.entry(WANTED, [far, near]) is near
    assert RULE.entry(WANTED, [far]) is far


def test_heads_of_other_classes_stand_in_while_the_classifier_is_small():
    space = spaces.SPACES["proxyless_imagenet"]
    heads = {n: parts.head_part(space.with_task(n).child([0] * 21)) for n in (10, 1000, 100_000)}
    assert RULE.entry(heads[10], [heads[1000]]) is heads[1000]
    assert RULE.entry(heads[100_000], [heads[1000]]) is None


def test_the_nearest_in_a_refusal_differs_least():
    stem = parts.stem_part(spaces.SPACES["tiny"].child([0, 0, 0]))
    same, other = part(MBConv(3, 6), 96, 96), part(MBConv(5, 6), 24, 24)
    assert nearest.nearest(WANTED, [stem, other, same]) is same
    assert nearest.described(same) == "block k3 e6, 96 -> 96 at 16x16"
    assert nearest.described(stem) == "stem, 3 -> 8 / 2 at 32x32"
