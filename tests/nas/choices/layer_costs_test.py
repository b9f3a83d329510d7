import numpy as np
import pytest

from nas.choices.chain_costs import ChainCosts
from nas.choices.layer_costs import LayerCosts


def layer(shape, *rows):
    return LayerCosts(np.ones(shape), *rows)


@pytest.mark.parametrize(
    ("costs", "message"),
    [
        (np.ones([1, 2, 1]), r"axes \[resolutions, operations, .*received shape \(1, 2, 1\)"),
        (np.ones([1, 0, 1, 1]), "none empty"),
        (np.full([1, 1, 1, 1], np.nan), "finite"),
        (np.ones([1, 2, 1, 1]), "axis of operations, which has no decision.*received 2"),
        (np.ones([1, 1, 3, 1]), "axis of input widths"),
        (np.ones([1, 1, 1, 3]), "axis of output widths"),
    ],
)
def test_costs_of_another_shape_are_refused(costs, message):
    with pytest.raises(ValueError, match=message):
        LayerCosts(costs)


def test_one_decision_on_both_sides_has_one_axis():
    layer([1, 2, 3, 1], 0, 1, 1)
    with pytest.raises(ValueError, match="axis of output widths"):
        layer([1, 2, 3, 3], 0, 1, 1)


def test_costs_are_a_copy_that_nobody_writes():
    costs = np.ones([1, 1, 1, 1])
    kept = LayerCosts(costs)
    costs += 1.0
    assert kept.costs.item() == 1.0
    with pytest.raises(ValueError, match="read-only"):
        kept.costs[:] = 2.0


@pytest.mark.parametrize(
    ("layers", "resolution", "message"),
    [
        ([], None, "at least one"),
        ([layer([1, 1, 1, 2], None, None, 0), layer([1, 1, 1, 1])], None, r"before=0.*received No"),
        (
            [
                layer([1, 1, 1, 2], None, None, 0),
                layer([1, 1, 2, 3], None, 0, 1),
                layer([1, 1, 3, 2], None, 1, 0),
            ],
            None,
            r"layers\[2\]: expected the layers of width row 0 to follow each other",
        ),
        (
            [layer([1, 1, 2, 1], None, 0, None), layer([1, 1, 1, 2], None, None, 0)],
            None,
            "without a gap",
        ),
        ([layer([1, 2, 1, 1], 1)], None, r"slots in order from 0.*operations \[1\]"),
        ([layer([1, 2, 1, 1], 0), layer([1, 2, 1, 1], 0)], None, r"operations \[0, 0\]"),
        ([layer([1, 2, 1, 2], 0, None, 2)], None, r"widths \[2\]"),
        ([layer([2, 2, 1, 1], 0)], 2, "resolution 2"),
        ([layer([2, 2, 1, 1], 0)], None, "axis of resolutions.*received 2"),
        ([layer([2, 2, 1, 1], 0), layer([3, 1, 1, 1])], 1, "expected 1 or 3 resolutions"),
        (
            [layer([1, 1, 1, 2], None, None, 0), layer([1, 1, 3, 1], None, 0, 0)],
            None,
            r"layers\[0\]: expected 1 or 3 output widths, as other layers have for row 0",
        ),
    ],
)
def test_layers_that_form_no_chain_are_refused(layers, resolution, message):
    with pytest.raises(ValueError, match=message):
        ChainCosts(layers, resolution)


def test_an_axis_of_length_one_takes_its_number_of_options_from_the_other_layers():
    costs = ChainCosts(
        [layer([1, 1, 1, 1], None, None, 1), layer([3, 2, 4, 1], 0, 1, 1)], resolution=2
    )
    assert costs.counts == [2, 4, 3]
