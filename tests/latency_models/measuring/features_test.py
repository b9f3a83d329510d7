import numpy as np
import pydantic
import pytest

from latency_models.measuring import features, parts
from nas.architecture import spaces
from nas.architecture.blocks import Block
from nas.architecture.operations import MBConv, Skip


def by_name(part, tile=features.SMALLEST_TILE):
    values = features.features(part.kind, part.spec, part.resolution, tile)
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


def test_matrix_products_are_counted_in_whole_tiles():
    found = by_name(parts.block_part(Block(MBConv(5, 3), 4, 6, 2), 8), features.Tile(7, 16))
    # 64 pixels are ten tiles of 7, 16 are three; 12 channels and 6 are one tile of 16 each.
    assert found["expansion_macs"] == 70 * 4 * 16
    assert found["projection_macs"] == 21 * 12 * 16
    # Its own program goes pixel by pixel, and what is moved knows no tiles.
    assert found["depthwise_5x5_macs"] == 16 * 12 * 25
    assert found["filtered_values"] == 16 * 12


def test_a_kernel_without_a_program_of_its_own_is_a_product_for_each_channel():
    part = parts.block_part(Block(MBConv(7, 3), 4, 6), 5)
    found = by_name(part, features.Tile(7, 16))
    assert found["depthwise_7x7_macs"] == 28 * 49 * 12
    assert found["general_weights"] == 49 * 12
    assert found["general_weights_by_width"] == 49 * 12 * 12
    assert found["weights"] == 4 * 12 + 12 * 6 + 2 * (12 + 6)
    assert "general_far_inputs" not in found and "reread_weights" not in found
    assert by_name(part)["depthwise_7x7_macs"] == 25 * 49 * 12


@pytest.mark.parametrize("width, share", [(40, 0.0), (44, 0.22265625), (80, 1.0)])
def test_weights_without_room_in_the_nearest_cache_are_read_again_for_each_pixel(width, share):
    # 2 * 25 * 6 * width values: 12000, 13200 and 24000, where there is room for 12288.
    found = by_name(parts.block_part(Block(MBConv(5, 6), width, 8, 2), 8))
    assert found["depthwise_5x5_macs"] == 16 * 25 * 6 * width
    assert found.get("reread_weights", 0.0) == pytest.approx(share * 16 * 25 * 6 * width)


def test_the_general_program_reads_large_images_from_afar_for_every_channel():
    assert by_name(parts.block_part(Block(MBConv(7, 6), 16, 24, 2), 112))["general_far_inputs"] == (
        112 * 112 * 96
    )
    assert "general_far_inputs" not in by_name(parts.block_part(Block(MBConv(7, 6), 16, 24), 48))
    assert "general_far_inputs" not in by_name(parts.block_part(Block(MBConv(5, 6), 16, 24), 112))


@pytest.mark.parametrize("tile", features.TILES)
@pytest.mark.parametrize("kernel_size", [3, 7])
def test_more_pixels_and_more_channels_are_never_less_work(tile, kernel_size):
    def values(width, resolution):
        part = parts.block_part(Block(MBConv(kernel_size, 6), width, width), resolution)
        return features.features(part.kind, part.spec, part.resolution, tile)

    by_size = np.array([values(24, resolution) for resolution in range(1, 80)])
    by_width = np.array([values(width, 14) for width in range(1, 300)])
    assert (np.diff(by_size, axis=0) >= 0.0).all()
    assert (np.diff(by_width, axis=0) >= 0.0).all()


def test_a_tile_holds_at_least_one_value():
    with pytest.raises(pydantic.ValidationError, match="greater than 0"):
        features.Tile(0, 16)


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
