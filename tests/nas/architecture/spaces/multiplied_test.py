import dataclasses
import math

import made_wide_workdir
import pytest

from nas.architecture import spaces
from nas.architecture.blocks import Slot
from nas.architecture.operations import MBConv
from nas.architecture.spaces import width_multiplied
from nas.choices import space_costs

WIDE = made_wide_workdir.space()
ENDS = {name: (min(numbers), max(numbers)) for name, numbers in WIDE.widths.items()}


def _widths(space, choices):
    return {name: space.widths[name][choices[row]] for name, row in space.width_rows.items()}


def test_widths_are_nearest_to_the_multiple_of_their_middle_by_ratio():
    # The middles are 22.6, 33.9, 87.6 and 156.8.
    choices = width_multiplied.multiplied(WIDE, 1.0)
    assert _widths(WIDE, choices) == {"w1": 24, "w2": 32, "w3": 96, "w4": 128}
    assert _widths(WIDE, width_multiplied.multiplied(WIDE, 0.01)) == {
        k: v[0] for k, v in ENDS.items()
    }
    assert _widths(WIDE, width_multiplied.multiplied(WIDE, 100.0)) == {
        k: v[1] for k, v in ENDS.items()
    }
    assert WIDE.child(choices).resolution == 64


def test_every_slot_has_the_plain_operation():
    # None has k3 e6, so each slot has the third smallest of its five operations.
    ops = {block.op for block in WIDE.child(width_multiplied.multiplied(WIDE, 1.0)).layers[1:]}
    assert len(ops) <= 2 and all(op.kind != "skip" for op in ops)
    plain = MBConv(3, 6)
    slots = [layer for layer in WIDE.layers if isinstance(layer, Slot)]
    with_plain = dataclasses.replace(
        WIDE,
        layers=tuple(
            dataclasses.replace(layer, candidates=(*layer.candidates, plain))
            if layer in slots
            else layer
            for layer in WIDE.layers
        ),
    )
    child = with_plain.child(width_multiplied.multiplied(with_plain, 1.0))
    assert {block.op for block in child.layers[1:]} == {plain}


def test_the_largest_multiplier_within_a_limit_is_found():
    macs = space_costs.macs_of(WIDE)
    for fraction in (0.05, 0.1, 0.3, 0.6, 0.95):
        limit = macs.at(fraction)
        found = width_multiplied.multiplier_within(WIDE, macs.of, limit)
        grid = [math.exp(i / 400) for i in range(-600, 601)]
        fitting = [m for m in grid if macs.of(width_multiplied.multiplied(WIDE, m)) <= limit]
        if found is None:
            assert not fitting
            continue
        multiplier, choices = found
        assert width_multiplied.multiplied(WIDE, multiplier) == choices
        assert macs.of(choices) <= limit
        # At the largest widths no larger multiplier changes anything.
        assert macs.of(choices) == max(
            macs.of(width_multiplied.multiplied(WIDE, m)) for m in fitting
        )


def test_a_space_of_fixed_widths_has_one_network():
    tiny = spaces.SPACES["tiny"]
    assert width_multiplied.multiplier_within(tiny, lambda choices: 2.0, 2.0) == (1.0, (0, 0, 0))
    assert width_multiplied.multiplier_within(tiny, lambda choices: 2.0, 1.9) is None


def test_a_multiplier_is_above_0():
    with pytest.raises(ValueError, match="multiplier: expected a number above 0, received 0"):
        width_multiplied.multiplied(WIDE, 0)
