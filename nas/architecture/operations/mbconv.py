"""The inverted bottleneck."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from nas.architecture.operations.stage import STRICT, Activation, Stage


@dataclass(frozen=True, config=STRICT)
class MBConv:
    """Inverted bottleneck (MobileNetV2, Sandler et al. 2018, figure 3b).

    1x1 expansion, depthwise convolution, linear 1x1 projection; the input is added where the
    stride is 1 and the widths are equal. Expansion 1 leaves the first convolution out.
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
        """Short name used in tables and plots, for example `k5 e3`."""
        return f"k{self.kernel_size} e{self.expansion}"

    def stages(self, input_width: int, output_width: int, stride: int) -> tuple[Stage, ...]:
        """The chain this operation runs on an input of `input_width` channels."""
        inner = input_width * self.expansion
        expand = Stage("conv", 1, 1, input_width, inner, self.activation)
        depthwise = Stage("depthwise", self.kernel_size, stride, inner, inner, self.activation)
        project = Stage("conv", 1, 1, inner, output_width, None)
        return (depthwise, project) if self.expansion == 1 else (expand, depthwise, project)
