"""Widths and resolutions as decisions of a space."""

import dataclasses
import itertools
import json

import pytest

from nas.architecture import counting, spec_json
from nas.architecture.blocks import Block, Head, Slot, Stem
from nas.architecture.decisions import LayerRows
from nas.architecture.operations import UIB, MBConv, Skip
from nas.architecture.specs import Child, SearchSpace
from nas.choices import space_costs

OPS = (MBConv(3, 1), MBConv(5, 2), Skip())
SPACE = SearchSpace(
    name="some",
    resolution=(24, 32),
    num_classes=10,
    stem=Stem("w0"),
    layers=(
        Block(MBConv(3, 1), "w0", "w1"),
        Slot("w1", "w2", OPS, 2),
        Slot("w2", "w2", OPS),
        Slot("w2", "w3", OPS),
        Slot("w3", 40, OPS),
    ),
    head=Head("head", pooled_width=24),
    widths={"w0": (8, 16), "w1": (8, 16), "w2": (16, 24), "w3": (32, 16, 40), "head": (64, 128)},
)
# Slots, widths in their order, resolution.
CHOICES = (0, 1, 2, 0, 1, 0, 1, 2, 0, 1)


def test_rows_are_the_slots_then_the_widths_then_the_resolution():
    assert SPACE.option_counts == (3, 3, 3, 3, 2, 2, 2, 3, 2, 2)
    assert SPACE.cardinality == 3**5 * 2**5
    assert SPACE.width_rows == {"w0": 4, "w1": 5, "w2": 6, "w3": 7, "head": 8}
    assert SPACE.resolution_row == 9
    assert SPACE.layer_rows == [
        LayerRows(after=4),
        LayerRows(None, 4, 5),
        LayerRows(0, 5, 6),
        LayerRows(1, 6, 6),
        LayerRows(2, 6, 7),
        LayerRows(3, 7, None),
        LayerRows(None, None, 8),
    ]


def test_a_child_has_numbers_only():
    child = SPACE.child(CHOICES)
    assert [block.label for block in child.layers] == [
        "k3 e1, 16 -> 8",
        "k3 e1, 8 -> 24 / 2",
        "k5 e2, 24 -> 24",
        "skip, 24 -> 40",
        "k3 e1, 40 -> 40, no residual",
    ]
    assert (child.resolution, child.stem.width, child.head.width) == (32, 16, 64)


def test_every_network_leads_back_to_its_choices_and_through_json():
    options = [range(count) for count in SPACE.option_counts[4:]]
    for widths in itertools.product(*options):
        child = SPACE.child((2, 0, 2, 1, *widths))
        assert SPACE.choices(child) == (2, 0, 2, 1, *widths)
        data = json.loads(json.dumps(spec_json.to_dict(child)))
        assert spec_json.from_dict(Child, data) == child
        assert SPACE.of(child).slots[1].blocks[2].is_identity
    data = json.loads(json.dumps(spec_json.to_dict(SPACE)))
    assert spec_json.from_dict(SearchSpace, data) == SPACE
    assert data["widths"]["w3"] == [32, 16, 40]
    assert data["resolution"] == [24, 32]


def test_between_two_decisions_that_happen_to_be_equal_nothing_is_added_or_skipped():
    equal = SPACE.child((0, 0, 2, 0, 0, 0, 0, 1, 0, 0)).layers[3]
    assert (equal.input_width, equal.output_width, equal.residual) == (16, 16, False)
    assert not equal.is_identity
    assert [stage.output_width for stage in equal.stages] == [16]
    bottleneck = SPACE.child((0, 0, 0, 0, 0, 0, 0, 1, 0, 0)).layers[3]
    assert not bottleneck.has_residual
    assert Block(MBConv(3, 1), 16, 16) != bottleneck
    # One decision on both sides, or one number.
    assert SPACE.child(CHOICES).layers[2].has_residual
    assert Block(MBConv(3, 1), 16, 16).has_residual


def test_costs_are_those_of_every_network():
    costs = [
        (space_costs.macs_of(SPACE), counting.num_macs),
        (space_costs.params_of(SPACE), counting.num_params),
        (space_costs.bytes_of(SPACE, 1, 16), lambda child: counting.num_bytes(child, 1, 16)),
    ]
    options = [range(count) for count in SPACE.option_counts[4:]]
    for own, count in costs:
        assert own.counts == list(SPACE.option_counts)
        for widths in itertools.product(*options):
            choices = (1, 2, 0, 1, *widths)
            assert own.of(choices) == count(SPACE.child(choices))


def test_another_task_scales_the_resolutions_alike():
    assert SPACE.with_task(5).resolution == (24, 32)
    assert SPACE.with_task(5, 64).resolution == (48, 64)
    assert SPACE.with_task(5, 64).input_shape == (64, 64, 3)
    # Two that would be equal are one.
    assert dataclasses.replace(SPACE, resolution=(31, 32)).with_task(5, 8).resolution == 8


def test_a_network_of_another_width_or_resolution_is_not_of_the_space():
    child = SPACE.child(CHOICES)
    for change, reason in (
        ({"stem": Stem(24), "layers": (Block(MBConv(3, 1), 24, 8), *child.layers[1:])}, "width w0"),
        ({"resolution": 28}, r"\[24, 32\] pixels, received 28"),
        ({"head": Head(64)}, "expected head"),
    ):
        with pytest.raises(ValueError, match=reason):
            SPACE.choices(dataclasses.replace(child, **change))


UIBS = (UIB(0, 3, 2, "relu"), UIB(0, 0, 2, "relu"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"widths": {}}, "stem.width: expected a number or one of widths"),
        ({"widths": SPACE.widths | {"w9": (8, 16)}}, "widths.w9: expected a layer"),
        ({"widths": SPACE.widths | {"w2": (8,)}}, "widths.w2: expected two or more different"),
        ({"widths": SPACE.widths | {"w2": (8, 8)}}, "widths.w2: expected two or more different"),
        ({"widths": SPACE.widths | {"w2": (0, 8)}}, "widths.w2.0"),
        ({"widths": {"a b": (8, 16)}}, "name of a width"),
        ({"resolution": (32,)}, "expected one number, or two or more different ones"),
        ({"resolution": (32, 32)}, "expected one number, or two or more different ones"),
        ({"resolution": (0, 32)}, "greater than or equal to 1"),
        (
            {"layers": (*SPACE.layers, Slot(40, "w2", OPS[:2]))},
            r"layers\[5\].output_width: expected the layers of width 'w2' to follow each other",
        ),
        (
            {"layers": (SPACE.layers[0], Slot("w1", "w2", UIBS, 2), *SPACE.layers[2:])},
            r"layers\[1\] with .*: candidates\[1\]: .*stride is 2",
        ),
    ],
)
def test_faults_are_refused_with_their_place(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(SPACE, **change)


def test_a_name_must_be_a_name():
    with pytest.raises(ValueError, match="expected the name of a width or a valid integer"):
        Stem("a b")


def test_a_child_with_the_name_of_a_width_is_refused():
    with pytest.raises(ValueError, match="expected a number for the width 'w'"):
        Child("mine", 32, 10, Stem("w"), (Block(MBConv(3, 1), "w", 16),), Head(64))


POOLED = dataclasses.replace(
    SPACE,
    head=Head("head", pooled_width="pooled"),
    widths=SPACE.widths | {"w4": (24, 16), "pooled": (24, 16, 40)},
    layers=(*SPACE.layers, Slot(40, "w4", OPS)),
)


def test_a_pooled_width_that_is_a_decision_is_the_last_layer_of_the_chain():
    head = [LayerRows(None, 10, 9), LayerRows(None, 9, 11)]
    assert POOLED.layer_rows[-2:] == head
    child = POOLED.child((*CHOICES[:4], 0, *CHOICES[4:9], 1, 2, 1))
    assert (child.layers[-1].output_width, child.head) == (16, Head(64, pooled_width=40))
    data = json.loads(json.dumps(spec_json.to_dict(POOLED)))
    assert spec_json.from_dict(SearchSpace, data) == POOLED


def test_costs_of_a_head_with_three_widths_are_those_of_every_network():
    costs = [
        (space_costs.macs_of(POOLED), counting.num_macs),
        (space_costs.params_of(POOLED), counting.num_params),
        (space_costs.bytes_of(POOLED, 1, 16), lambda child: counting.num_bytes(child, 1, 16)),
    ]
    # Rows of the head's convolution, the width before it, the pooled width, and the resolution.
    for own, count in costs:
        for head, before, pooled, size in itertools.product(*map(range, (2, 2, 3, 2))):
            choices = (1, 2, 0, 1, 1, 0, 1, 0, 2, head, before, pooled, size)
            child = POOLED.child(choices)
            assert own.of(choices) == count(child)
            assert POOLED.choices(child) == choices


def test_a_head_whose_two_widths_are_one_decision_is_one_layer():
    space = dataclasses.replace(SPACE, head=Head("head", pooled_width="head"))
    assert space.layer_rows == SPACE.layer_rows
    costs = space_costs.macs_of(space)
    for head in range(2):
        choices = (*CHOICES[:8], head, 0)
        child = space.child(choices)
        assert child.head.widths == (space.widths["head"][head],) * 2
        assert costs.of(choices) == counting.num_macs(child)
        assert space.choices(child) == choices


def test_only_heads_with_the_same_number_of_layers_are_compared():
    child = SPACE.child(CHOICES)
    with pytest.raises(ValueError, match="expected head .*pooled_width='pooled'.*None"):
        POOLED.choices(
            dataclasses.replace(child, layers=(*child.layers, child.layers[-1]), head=Head(64))
        )


def test_the_rate_of_dropout_is_not_compared():
    child = SPACE.child(CHOICES)
    head = dataclasses.replace(child.head, dropout=0.3)
    assert SPACE.choices(dataclasses.replace(child, head=head)) == CHOICES


def test_widths_alone_or_resolutions_alone_are_decisions():
    block = Block(MBConv(3, 1), 8, "w")
    space = SearchSpace("wide", 32, 10, Stem(8), (block,), Head(16), widths={"w": (8, 16)})
    assert (space.option_counts, space.cardinality) == ((2,), 2)
    costs = space_costs.macs_of(space)
    for choices in ((0,), (1,)):
        child = space.child(choices)
        assert space.choices(child) == choices
        assert costs.of(choices) == counting.num_macs(child)
    fixed = dataclasses.replace(block, output_width=8)
    sizes = dataclasses.replace(space, layers=(fixed,), resolution=(24, 32), widths={})
    assert [sizes.child([i]).resolution for i in range(2)] == [24, 32]
    fixed = dataclasses.replace(sizes, resolution=24)
    assert fixed.choices(fixed.first_child) == ()
    with pytest.raises(ValueError, match="at least one slot, width or resolution to choose"):
        spec_json.from_dict(SearchSpace, spec_json.to_dict(fixed))
