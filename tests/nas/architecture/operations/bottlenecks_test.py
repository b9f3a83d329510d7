import pytest

from nas.architecture.operations import UIB, FusedMBConv, MBConv, Squeeze
from nas.architecture.operations.bottlenecks import expanded_width


@pytest.mark.parametrize(
    ("width", "expansion", "expected"),
    [(20, 3, 60), (80, 2.5, 200), (80, 2.3, 184), (24, 3.67, 88), (4, 1.5, 8)],
)
def test_a_whole_expansion_is_exact_and_another_is_rounded_to_eights(width, expansion, expected):
    assert expanded_width(width, expansion) == expected


@pytest.mark.parametrize("make", [lambda e: MBConv(3, e), lambda e: UIB(3, 3, e)])
def test_three_and_three_point_nought_are_one_expansion(make):
    assert make(3.0) == make(3)
    assert make(3.0).label == make(3).label


def test_the_bottleneck_of_a_squeeze_by_hand():
    # A quarter of 72 is 18, of which 16 would be less than nine tenths.
    (squeeze,) = Squeeze.of_ratio(72, 0.25)
    assert squeeze == Squeeze(72, 24)
    assert squeeze.macs(7) == 2 * 72 * 24
    assert squeeze.num_weights == 72 * 24 + 24 + 24 * 72 + 72
    assert Squeeze.of_ratio(72, 0.0) == ()


def test_a_squeeze_stands_before_the_projection():
    types = [stage.type for stage in MBConv(3, 2, se_ratio=0.5).stages(8, 8, 1)]
    assert types == ["conv", "depthwise", "squeeze", "conv"]
    types = [stage.type for stage in FusedMBConv(3, 1, se_ratio=0.5).stages(8, 8, 1)]
    assert types == ["squeeze", "conv"]
