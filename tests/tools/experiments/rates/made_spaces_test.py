from nas.architecture.operations import UIB, FusedMBConv, MBConv, Skip
from tools.experiments.rates.made_spaces import NAMES, made_space

SPACES = [made_space(name) for name in NAMES]


def test_ten_spaces_differ_in_depth_width_and_operations():
    assert len(SPACES) == len({space.layers for space in SPACES}) == 10
    depths = [len(space.slots) for space in SPACES]
    assert (min(depths), max(depths)) == (2, 21)
    widths = {slot.output_width for space in SPACES for slot in space.slots}
    assert (min(widths), max(widths)) == (8, 320)
    candidates = [op for space in SPACES for slot in space.slots for op in slot.candidates]
    assert {type(op) for op in candidates} == {MBConv, FusedMBConv, UIB, Skip}
    assert {getattr(op, "activation", None) for op in candidates} >= {"relu", "relu6", "hard_swish"}
    assert any(getattr(op, "se_ratio", 0.0) for op in candidates)


def test_blocks_can_be_skipped_where_the_shape_stays():
    for space in SPACES:
        for slot in space.slots:
            keeps = slot.stride == 1 and slot.input_width == slot.output_width
            assert (Skip() in slot.candidates) == keeps
