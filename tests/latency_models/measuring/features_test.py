import dataclasses

import made_rows
import numpy as np
import pydantic
import pytest

from latency_models.measuring import features, parts, tiles
from nas.architecture import spaces
from nas.architecture.blocks import Block
from nas.architecture.operations import FusedMBConv, MBConv, Skip


def by_name(part, tile=tiles.SMALLEST_TILE):
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
        "operators": 3,
        "depthwise_positions": 16 * 25,
    }


def test_matrix_products_are_counted_in_whole_tiles():
    found = by_name(parts.block_part(Block(MBConv(5, 3), 4, 6, 2), 8), tiles.Tile(7, 16))
    # 64 pixels are ten tiles of 7, 16 are three; 12 channels and 6 are one tile of 16 each.
    assert found["expansion_macs"] == 70 * 4 * 16
    assert found["projection_macs"] == 21 * 12 * 16
    # Its own program goes pixel by pixel, and what is moved knows no tiles.
    assert found["depthwise_5x5_macs"] == 16 * 12 * 25
    assert found["filtered_values"] == 16 * 12


def test_a_kernel_without_a_program_of_its_own_is_a_product_for_each_channel():
    part = parts.block_part(Block(MBConv(7, 3), 4, 6), 5)
    found = by_name(part, tiles.Tile(7, 16))
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
    # The window's 25 inputs come from there as well.
    assert found.get("reread_window", 0.0) == pytest.approx(share * 16 * 50 * 6 * width)


def test_a_window_larger_than_the_image_has_only_its_pixels_and_zeros_to_read_again():
    def reread(resolution):
        found = by_name(parts.block_part(Block(MBConv(5, 6), 56, 56), resolution))
        return found["reread_weights"], found.get("reread_window", 0.0)

    # 336 channels: 25 weights and 25 inputs have no room; 25 and the 10 of 3x3 pixels have.
    assert reread(8) == (64 * 25 * 336, 64 * 50 * 336)
    assert reread(3) == (9 * 25 * 336, 0.0)


@pytest.mark.parametrize("outputs, columns", [(8, 16), (16, 16), (24, 32), (32, 32), (40, 64)])
def test_few_output_channels_are_computed_by_the_narrow_program(outputs, columns):
    tile = tiles.Tile(7, 32, 1, 16, narrow_channels=16)
    found = by_name(parts.block_part(Block(MBConv(3, 2), 32, outputs, 2), 8), tile)
    # 16 pixels are three tiles of 7; the expansion to 64 has the other program.
    assert found["projection_macs"] == 21 * 64 * columns
    assert found.get("narrow_products", 0.0) == (21 * 64 * columns if outputs < 32 else 0.0)
    assert "product_tails" not in found


def test_without_a_narrow_program_there_are_no_narrow_products():
    found = by_name(parts.block_part(Block(MBConv(3, 2), 8, 8), 8), tiles.Tile(7, 32))
    assert found["projection_macs"] == 70 * 16 * 32
    assert "narrow_products" not in found


def test_the_general_program_reads_large_images_from_afar_for_every_channel():
    assert by_name(parts.block_part(Block(MBConv(7, 6), 16, 24, 2), 112))["general_far_inputs"] == (
        112 * 112 * 96
    )
    assert "general_far_inputs" not in by_name(parts.block_part(Block(MBConv(7, 6), 16, 24), 48))
    assert "general_far_inputs" not in by_name(parts.block_part(Block(MBConv(5, 6), 16, 24), 112))


@pytest.mark.parametrize("tile", tiles.TILES)
@pytest.mark.parametrize("kernel_size", [3, 7])
def test_more_pixels_and_more_channels_are_never_less_work(tile, kernel_size):
    def values(width, resolution):
        part = parts.block_part(Block(MBConv(kernel_size, 6), width, width), resolution)
        return features.features(part.kind, part.spec, part.resolution, tile)

    by_size = np.array([values(24, resolution) for resolution in range(1, 80)])
    by_width = np.array([values(width, 14) for width in range(1, 300)])
    assert (np.diff(by_size, axis=0) >= 0.0).all()
    falling = (np.diff(by_width, axis=0) < 0.0).any(axis=0)
    # A width that fills all vectors leaves no rest, and a wide one is no narrow product.
    assert {n for n, falls in zip(features.FEATURES, falling, strict=True) if falls} <= {
        "depthwise_tails",
        "product_tails",
        "value_tails",
        "narrow_products",
    }


def test_a_tile_holds_at_least_one_value():
    with pytest.raises(pydantic.ValidationError, match="greater than 0"):
        tiles.Tile(0, 16)


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
        "operators": 1,
    }


def test_widths_that_fill_no_whole_vector_leave_a_rest():
    # 4x4x8 -> 3x3 depthwise on 24 -> projection to 40, in vectors of 16 and passes of 32.
    block = Block(MBConv(3, 3), 8, 40)
    found = by_name(parts.block_part(block, 4), tiles.Tile(1, 1, 32, 16))
    assert found["depthwise_tails"] == found["depthwise_positions"] == 16 * 9
    assert found["product_tails"] == 16 * 8 + 16 * 24
    assert found["value_tails"] == 3 * 16
    # 24 and 40 fill vectors of 8, and two passes of 8 and 12.
    found = by_name(parts.block_part(block, 4), tiles.Tile(1, 1, 8, 8))
    assert not [name for name in found if name.endswith("_tails")]
    # The sum of a residual connection is one more operator, and its values have the same rest.
    found = by_name(parts.block_part(Block(MBConv(3, 2), 8, 8), 4), tiles.Tile(1, 1, 8, 16))
    assert (found["operators"], found["value_tails"]) == (4, 16 + 16)


def test_means_count_their_channels_and_spatial_convolutions_eight_inputs_at_once():
    squeezed = by_name(parts.block_part(Block(MBConv(3, 3, se_ratio=0.25), 8, 16), 4))
    assert squeezed["averaged_channels"] == 24
    assert squeezed["operators"] == 3 + 4
    child = spaces.SPACES["tiny"].child([0, 0, 0])
    head = by_name(parts.head_part(child))
    assert (head["averaged_channels"], head["operators"]) == (32, 3)
    stem = by_name(parts.stem_part(child))
    assert stem["spatial_products"] == 16 * 16 * 9 * 8 * 8
    fused = by_name(parts.block_part(Block(FusedMBConv(3, 2), 8, 8), 4))
    assert fused["spatial_products"] == fused["spatial_macs"] == 16 * 9 * 8 * 16


def test_a_part_has_the_features_of_its_measurement():
    child = spaces.SPACES["tiny"].child([0, 1, 0])
    wanted = parts.child_parts(child)
    by_spec = [features.features(p.kind, p.spec, p.resolution, tiles.TILES[3]) for p in wanted]
    assert (features.stacked(wanted, tiles.TILES[3]) == by_spec).all()
    rows = [made_rows.row(part, 1.0, environment={}) for part in wanted]
    assert (features.stacked(rows, tiles.TILES[3]) == by_spec).all()
    assert features.stacked([]).shape == (0, len(features.FEATURES))
    with pytest.raises(ValueError, match="expected a part with its spec, received none"):
        features.stacked([dataclasses.replace(rows[0], spec=None)])


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
