import numpy as np
import pytest

from export.direct import number_formats
from export.direct.graph import Graph


def format_of(*pair):
    return number_formats.NUMBER_FORMATS[pair](Graph("x"), 0)


@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.0), (0.0, 6.0), (-0.375, 4.0), (2.0, 8.0)])
def test_a_range_fits_int8_and_zero_is_an_integer(low, high):
    scales, zero_point, _ = format_of("int8", "int8").quantization(low, high)
    scale = float(scales[0])
    assert -128 <= zero_point <= 127
    assert (127 - zero_point) * scale == pytest.approx(high, abs=scale)
    assert (-128 - zero_point) * scale == pytest.approx(min(low, 0.0), abs=scale)


def test_int16_is_symmetric():
    scales, zero_point, _ = format_of("int8", "int16").quantization(-1.0, 3.2767)
    assert zero_point == 0
    assert scales[0] == pytest.approx(1e-4)


@pytest.mark.parametrize(
    ("shape", "axis", "scales"), [((64, 1, 1, 16), 0, 64), ((1, 5, 5, 48), 3, 48), ((2, 512), 0, 1)]
)
def test_a_dynamic_kernel_is_int8_with_a_scale_for_each_channel_unless_dense(shape, axis, scales):
    _, quantization = format_of("int8", "float32").kernel("k", shape, 0.1, axis)
    assert len(quantization.scales) == scales


def test_a_small_dynamic_kernel_stays_float():
    _, quantization = format_of("int8", "float32").kernel("k", (8, 1, 1, 16), 0.1, 0)
    assert quantization is None


def test_kernels_of_integers_have_the_deviation_that_is_asked_for():
    graph = Graph("x")
    numbers = number_formats.Int8(graph, 0)
    index, quantization = numbers.kernel("k", (64, 3, 3, 32), 0.1, 0)
    values = graph._buffers[graph._tensors[index].buffer].data.view(np.int8).reshape(64, -1)
    assert (values * quantization.scales[:, None]).std() == pytest.approx(0.1, rel=0.1)


def test_a_bias_of_integers_needs_scales():
    with pytest.raises(ValueError, match="expected a quantized input and kernel"):
        format_of("int8", "int8").bias("b", np.zeros(3), None, None)
