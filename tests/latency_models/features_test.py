import numpy as np
import pytest

from latency_models import features, parts
from nas import spaces
from nas.candidates import MBConv, Skip
from nas.specs import Block


def by_name(part):
    values = features.features(part.kind, part.spec, part.resolution)
    return {k: v for k, v in zip(features.FEATURES, values.tolist(), strict=True) if v}


def test_a_block_by_hand():
    # 8x8x4 -> expansion to 12 -> depthwise 5x5 / 2 -> 4x4x12 -> projection to 6.
    found = by_name(parts.block_part(Block(MBConv(5, 3), 4, 6, 2), 8))
    assert found == {
        "expansion_macs": 64 * 4 * 12,
        "depthwise_5x5_macs": 16 * 12 * 25,
        "projection_macs": 16 * 12 * 6,
        "input_values": 64 * 4,
        "expanded_values": 64 * 12,
        "filtered_values": 16 * 12,
        "output_values": 16 * 6,
        "weights": 4 * 12 + 25 * 12 + 12 * 6 + 2 * (12 + 12 + 6),
        "one": 1,
    }


def test_a_residual_costs_its_addition_and_a_skip_is_a_projection():
    found = by_name(parts.block_part(Block(MBConv(3, 1), 4, 4), 8))
    assert found["residual_values"] == found["output_values"] == 64 * 4
    assert "expansion_macs" not in found
    assert by_name(parts.block_part(Block(Skip(), 4, 8, 2), 8)) == {
        "projection_macs": 16 * 4 * 8,
        "input_values": 64 * 4,
        "output_values": 16 * 8,
        "weights": 4 * 8 + 2 * 8,
        "one": 1,
    }


def test_stem_and_head_by_hand():
    child = spaces.SPACES["tiny"].child([0, 0, 0])
    stem = by_name(parts.stem_part(child))
    assert stem["spatial_macs"] == 16 * 16 * 9 * 3 * 8
    assert stem["input_values"] == 32 * 32 * 3
    head = by_name(parts.head_part(child))
    assert head["expansion_macs"] == 4 * 4 * 16 * 32
    assert head["classifier_macs"] == 32 * 10


@pytest.mark.parametrize("name", spaces.SPACES)
def test_multiply_accumulates_are_all_counted(name):
    is_macs = np.array([feature.endswith("_macs") for feature in features.FEATURES])
    for part in parts.space_parts(spaces.SPACES[name]):
        values = features.features(part.kind, part.spec, part.resolution)
        assert values[is_macs].sum() == part.num_macs


def test_a_shape_is_everything_but_the_operation():
    def shape(block, resolution=8):
        part = parts.block_part(block, resolution)
        return features.shape(part.kind, part.spec, part.resolution)

    some = shape(Block(MBConv(3, 3), 8, 8))
    assert some == shape(Block(MBConv(5, 6), 8, 8))
    assert some != shape(Block(MBConv(3, 3), 8, 16))
    assert some != shape(Block(MBConv(3, 3), 8, 8, 2))
    assert some != shape(Block(MBConv(3, 3), 8, 8), 16)


def test_whole_networks_have_no_features():
    part = parts.network_part(spaces.SPACES["tiny"].child([0, 0, 0]))
    with pytest.raises(ValueError, match="expected a stem, a block or a head, received a network"):
        features.features(part.kind, part.spec, part.resolution)
