import math

import pytest

from nas.architecture.operations import Conv, Depthwise, MBConv
from nas.architecture.operations.stage import downsampled, with_resolutions
from nas.architecture.operations.weights import Bank, Weight, kernel


def test_what_each_bank_does_in_training():
    assert [bank for bank in Bank if bank.decays] == [Bank.KERNELS]
    assert [bank for bank in Bank if bank.is_trainable] == [Bank.KERNELS, Bank.AFFINE]


def test_a_kernel_is_drawn_by_its_fan_in():
    weight = kernel("kernel", (3, 3, 8, 16), 72, 16)
    assert weight.deviation == pytest.approx(math.sqrt(2 / 72))
    assert (weight.size, weight.channels, weight.bank) == (1152, 16, Bank.KERNELS)


@pytest.mark.parametrize(("shape", "bank"), [((3, 3), Bank.KERNELS), ((1, 3), Bank.AFFINE)])
def test_axes_that_do_not_suit_the_bank_are_refused(shape, bank):
    with pytest.raises(ValueError, match=f"weight w: expected . axes in the bank {bank.value}"):
        Weight("w", shape, bank)


def test_a_convolution_by_hand():
    stage = Conv(3, 2, 4, 6, "relu6")
    assert [w.name for w in stage.weights] == ["kernel", "scale", "offset", "mean", "variance"]
    assert [w.shape for w in stage.weights] == [(3, 3, 4, 6), (6,), (6,), (6,), (6,)]
    assert [w.start for w in stage.weights] == [0.0, 1.0, 0.0, 0.0, 1.0]
    assert stage.num_weights == 3 * 3 * 4 * 6 + 2 * 6
    # 7 pixels become 4 with stride 2.
    assert stage.macs(7) == 4 * 4 * 3 * 3 * 4 * 6
    assert stage.operators(7) == ("CONV_2D",)
    assert not stage.is_pointwise and Conv(1, 1, 4, 6, None).is_pointwise


def test_a_depthwise_convolution_by_hand():
    stage = Depthwise(5, 1, 6, None)
    assert stage.weights[0].shape == (5, 5, 6, 1)
    # Each output value has 25 inputs, whatever the width.
    assert stage.weights[0].deviation == pytest.approx(math.sqrt(2 / 25))
    assert (stage.input_width, stage.output_width) == (6, 6)
    assert stage.macs(7) == 7 * 7 * 25 * 6
    assert stage.operators(7) == ("DEPTHWISE_CONV_2D",)


def test_each_stage_is_given_the_resolution_of_its_input():
    stages = MBConv(3, 2).stages(4, 6, 2)
    assert [size for _, size in with_resolutions(stages, 9)] == [9, 9, 5]
    assert downsampled(9, 2) == 5
