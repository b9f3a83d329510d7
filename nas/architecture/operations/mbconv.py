"""The inverted bottleneck."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from nas.architecture.operations.activations import Activation
from nas.architecture.operations.convolutions import Conv, Depthwise
from nas.architecture.operations.operation import Operation
from nas.architecture.operations.stage import STRICT, Stage


@dataclass(frozen=True, config=STRICT)
class MBConv(Operation):
    """Inverted bottleneck (MobileNetV2, Sandler et al. 2018, figure 3b).

    1x1 expansion, depthwise convolution, linear 1x1 projection. The input is added if the stride is
    1 and the widths are equal. With expansion 1 there is no first convolution.

    Example:
        >>> import nas
        >>> nas.MBConv(kernel_size=5, expansion=3).label
        'k5 e3'
        >>> nas.MBConv(7, 6, activation="relu").label
        'k7 e6 relu'
    """

    has_residual: ClassVar[bool] = True

    kernel_size: Annotated[int, Field(ge=1, le=11)]
    expansion: Annotated[int, Field(ge=1, le=16)]
    activation: Activation = "relu6"
    kind: Literal["mbconv"] = "mbconv"

    def __post_init__(self) -> None:
        if self.kernel_size % 2 == 0:
            raise ValueError(f"kernel_size: expected an odd number, received {self.kernel_size}")

    @property
    def label(self) -> str:
        """For example `k5 e3`; the activation is named unless it is ReLU6."""
        activation = "" if self.activation == "relu6" else f" {self.activation}"
        return f"k{self.kernel_size} e{self.expansion}{activation}"

    def stages(self, input_width: int, output_width: int, stride: int) -> tuple[Stage, ...]:
        """See `Operation`."""
        inner = input_width * self.expansion
        expand = Conv(1, 1, input_width, inner, self.activation)
        depthwise = Depthwise(self.kernel_size, stride, inner, self.activation)
        project = Conv(1, 1, inner, output_width, None)
        return (depthwise, project) if self.expansion == 1 else (expand, depthwise, project)
