"""Costs of parts as costs of a chain, where the costs are not sums."""

import dataclasses

from nas.architecture.blocks import Head, Slot, Stem
from nas.architecture.operations import MBConv
from nas.architecture.part_grids import Parts
from nas.architecture.specs import SearchSpace
from nas.choices import space_costs

SPACE = SearchSpace(
    "some",
    32,
    10,
    Stem(8),
    (Slot(8, "a", (MBConv(3, 1), MBConv(5, 1)), 2),),
    Head("h", pooled_width="p"),
    widths={"a": (8, 16), "h": (24, 32), "p": (56, 40, 48)},
)


def head_ms(child):
    """A cost of which all three widths have a part in common."""
    a, (h, p) = child.layers[-1].output_width, child.head.widths
    return a * h + h * p + a * h * p / 64


PARTS = Parts(lambda child: 0.0, lambda block, size: 0.0, head_ms)


def test_a_head_of_three_widths_loses_only_what_the_outer_two_have_in_common():
    costs = space_costs.of_space(SPACE, PARTS, list)
    for a, width in enumerate(SPACE.widths["a"]):
        for h, head in enumerate(SPACE.widths["h"]):
            for p, pooled in enumerate(SPACE.widths["p"]):
                expected = head_ms(SPACE.child((0, a, h, p)))
                expected -= (width - 8) * head * (pooled - 56) / 64
                assert costs.of((0, a, h, p)) == expected


def test_a_head_of_three_widths_is_exact_where_one_of_the_outer_two_is_the_first():
    costs = space_costs.of_space(SPACE, PARTS, list)
    for choices in ((0, 0, 1, 2), (0, 1, 1, 0), (1, 0, 0, 1)):
        assert costs.of(choices) == head_ms(SPACE.child(choices))


def test_a_pooled_width_of_one_number_needs_no_split():
    space = dataclasses.replace(
        SPACE, head=Head("h", pooled_width=40), widths={"a": (8, 16), "h": (24, 32)}
    )
    costs = space_costs.of_space(space, PARTS, list)
    assert len(costs.layers) == 3
    for choices in ((0, 0, 0), (0, 1, 1), (1, 1, 0)):
        assert costs.of(choices) == head_ms(space.child(choices))
