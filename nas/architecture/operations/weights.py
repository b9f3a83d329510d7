"""The weights of a stage as plain data: name, shape, bank, start value."""

import dataclasses
import enum
import math


class Bank(enum.Enum):
    """The three kinds of weights. A supernet keeps each kind of a candidate in one row.

    Attributes:
        is_trainable: whether an optimizer updates it.
        decays: whether weight decay applies to it.
    """

    KERNELS = "kernels"
    AFFINE = "affine"
    MOMENTS = "moments"

    @property
    def is_trainable(self) -> bool:
        """Moving moments are averages over batches; everything else is trained."""
        return self is not Bank.MOMENTS

    @property
    def decays(self) -> bool:
        """Kernels decay. Scales, offsets and biases do not."""
        return self is Bank.KERNELS


@dataclasses.dataclass(frozen=True)
class Weight:
    """One weight of a stage.

    Attributes:
        name: unique within its stage.
        shape: four axes for a kernel, as TensorFlow stores it (height, width, input channels,
            output channels); one axis for everything else.
        bank: which kind it is.
        start: value of a fresh weight; its mean if it is drawn at random.
        deviation: standard deviation of the normal distribution that a fresh weight is drawn from;
            0 for a constant.
        channels: output channels of a kernel. A file holds one bias for each, and one scale if it
            is quantized.
        is_pair: whether it always has the length of the weight before it, as an offset has that of
            its scale. A supernet reads both together.
    """

    name: str
    shape: tuple[int, ...]
    bank: Bank
    start: float = 0.0
    deviation: float = 0.0
    channels: int = 0
    is_pair: bool = False

    def __post_init__(self) -> None:
        axes = 4 if self.bank is Bank.KERNELS else 1
        if len(self.shape) != axes:
            raise ValueError(
                f"weight {self.name}: expected {axes} axes in the bank {self.bank.value}, received "
                f"shape {self.shape}"
            )

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)


def kernel(name: str, shape: tuple[int, int, int, int], fan_in: int, channels: int) -> Weight:
    """Returns a kernel that is drawn from N(0, 2 / fan_in) (He et al. 2015, equation 10).

    Args:
        name: unique within its stage.
        shape: height, width, input channels, output channels (1 for a depthwise kernel).
        fan_in: number of input values of one output value. For a depthwise kernel it is the area of
            the kernel, but Keras' `he_normal` also counts its channels.
        channels: output channels.
    """
    return Weight(name, shape, Bank.KERNELS, 0.0, math.sqrt(2.0 / fan_in), channels)


def normalization(width: int) -> tuple[Weight, Weight, Weight, Weight]:
    """Returns the weights of batch normalization of `width` channels, in the order of Keras."""
    return (
        Weight("scale", (width,), Bank.AFFINE, 1.0),
        Weight("offset", (width,), Bank.AFFINE, 0.0, is_pair=True),
        Weight("mean", (width,), Bank.MOMENTS, 0.0),
        Weight("variance", (width,), Bank.MOMENTS, 1.0, is_pair=True),
    )
