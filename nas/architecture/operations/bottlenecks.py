"""The fields, the widths and the end of the label that all kinds of bottleneck share."""

from typing import Annotated

from pydantic import AfterValidator, Field

from nas.architecture.operations.activations import Activation

_LEAST_WIDTH = 8


def scaled_width(width: int, multiplier: float) -> int:
    """Returns `width * multiplier`, rounded to a multiple of 8.

    The result is at least 8, and at least 90 % of the product. The rounding is that of the
    reference networks.
    """
    wanted = width * multiplier
    rounded = max(_LEAST_WIDTH, int(wanted + _LEAST_WIDTH / 2) // _LEAST_WIDTH * _LEAST_WIDTH)
    return rounded + _LEAST_WIDTH if rounded < 0.9 * wanted else rounded


def _odd(kernel_size: int) -> int:
    if kernel_size % 2 == 0:
        raise ValueError("expected an odd number")
    return kernel_size


KernelSize = Annotated[int, Field(ge=1, le=11), AfterValidator(_odd)]


def _whole(expansion: int | float) -> int | float:
    """Returns 3 for 3.0, so that both are one expansion with one label and one key."""
    return int(expansion) if expansion == int(expansion) else expansion


# Width inside of a bottleneck over the width of its input.
Expansion = Annotated[int | float, Field(ge=1, le=16), AfterValidator(_whole)]

# Width of the bottleneck in squeeze-and-excitation over that of the tensor; 0 for none.
SqueezeRatio = Annotated[float, Field(ge=0.0, le=1.0)]


def expanded_width(width: int, expansion: int | float) -> int:
    """Returns the width inside of a bottleneck: exact for a whole expansion, else scaled."""
    return width * expansion if isinstance(expansion, int) else scaled_width(width, expansion)


def label_end(activation: Activation, se_ratio: float = 0.0) -> str:
    """Returns the end of a label: squeeze-and-excitation if any, the activation if not ReLU6."""
    squeeze = f" se{se_ratio:g}" if se_ratio else ""
    return squeeze + ("" if activation == "relu6" else f" {activation}")
