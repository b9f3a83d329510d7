from export import recipes
from export.content import footprint
from nas.architecture import spaces
from nas.architecture.blocks import Block, Head, Stem
from nas.architecture.operations import MBConv
from nas.architecture.specs import Child

# Weights 3*3*3*8 + (8*24 + 9*24 + 24*8) + (9*8 + 8*16) + 16*32 + 32*5, channels 8 + 24 + 24 + 8 +
# 8 + 16 + 32 + 5.
CHILD = Child(
    "small",
    16,
    5,
    Stem(8),
    (Block(MBConv(3, 3), 8, 8), Block(MBConv(3, 1), 8, 16)),
    Head(32),
)


def test_operations_are_counted_by_hand():
    plain = {"ADD": 1, "CONV_2D": 5, "DEPTHWISE_CONV_2D": 2, "FULLY_CONNECTED": 1, "MEAN": 1}
    assert footprint.fewest_operators(CHILD, recipes.recipe("int8")) == plain
    widened = footprint.fewest_operators(CHILD, recipes.recipe("float16"))
    assert widened == plain | {"DEQUANTIZE": 16}


def test_fewer_conversions_are_fine_and_nothing_else_is():
    expected = {"ADD": 1, "CONV_2D": 5, "DEQUANTIZE": 16}
    assert footprint.is_minimal(expected, expected)
    assert footprint.is_minimal({**expected, "DEQUANTIZE": 15}, expected)
    assert not footprint.is_minimal({**expected, "DEQUANTIZE": 17}, expected)
    assert not footprint.is_minimal({**expected, "CONV_2D": 4}, expected)
    assert not footprint.is_minimal({**expected, "MUL": 1}, expected)
    assert not footprint.is_minimal({"ADD": 1, "DEQUANTIZE": 16}, expected)


def test_operations_of_a_published_network():
    mobile = spaces.PUBLISHED_CHILDREN["proxyless_mobile"]
    counts = footprint.fewest_operators(mobile, recipes.recipe("float32"))
    assert counts["DEPTHWISE_CONV_2D"] == 20
    assert counts["CONV_2D"] == 1 + 2 * 20 - 1 + 1


def test_size_bound_is_counted_by_hand():
    weights = 216 + 192 + 216 + 192 + 72 + 128 + 512 + 160
    channels = 8 + 24 + 24 + 8 + 8 + 16 + 32 + 5
    assert footprint.int8_size_bound(CHILD) == 1.05 * (weights + 16 * channels)
