"""The inverted bottleneck."""

from typing import ClassVar, Literal

from pydantic.dataclasses import dataclass

from nas.architecture.operations.activations import Activation
from nas.architecture.operations.bottlenecks import (
    Expansion,
    KernelSize,
    SqueezeRatio,
    expanded_width,
    label_end,
)
from nas.architecture.operations.convolutions import Conv, Depthwise
from nas.architecture.operations.operation import Operation
from nas.architecture.operations.pooled_stages import Squeeze
from nas.architecture.operations.stage import STRICT, Stage


@dataclass(frozen=True, config=STRICT)
class MBConv(Operation):
    """Inverted bottleneck (MobileNetV2, Sandler et al. 2018, figure 3b).

    1x1 expansion, depthwise convolution, linear 1x1 projection. The input is added if the stride is
    1 and the widths are equal. With expansion 1 there is no first convolution. With `se_ratio`
    there is squeeze-and-excitation after the depthwise convolution (MobileNetV3, Howard et al.
    2019, figure 4); its bottleneck has `se_ratio` times the expanded width.

    Example:
        >>> import nas
        >>> nas.MBConv(kernel_size=5, expansion=3).label
        'k5 e3'
        >>> nas.MBConv(7, 2.5, activation="hard_swish", se_ratio=0.25).label
        'k7 e2.5 se0.25 hard_swish'
    """

    has_residual: ClassVar[bool] = True

    kernel_size: KernelSize
    expansion: Expansion
    activation: Activation = "relu6"
    se_ratio: SqueezeRatio = 0.0
    kind: Literal["mbconv"] = "mbconv"

    @property
    def label(self) -> str:
        """For example `k5 e3 se0.25`; the activation is named unless it is ReLU6."""
        end = label_end(self.activation, self.se_ratio)
        return f"k{self.kernel_size} e{self.expansion}{end}"

    def stages(self, input_width: int, output_width: int, stride: int) -> tuple[Stage, ...]:
        """See `Operation`."""
        inner = expanded_width(input_width, self.expansion)
        expand = Conv(1, 1, input_width, inner, self.activation)
        depthwise = Depthwise(self.kernel_size, stride, inner, self.activation)
        squeeze = Squeeze.of_ratio(inner, self.se_ratio)
        project = Conv(1, 1, inner, output_width, None)
        return (*([] if self.expansion == 1 else [expand]), depthwise, *squeeze, project)
