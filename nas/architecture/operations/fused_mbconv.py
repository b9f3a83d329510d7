"""The fused inverted bottleneck."""

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
from nas.architecture.operations.convolutions import Conv
from nas.architecture.operations.operation import Operation
from nas.architecture.operations.pooled_stages import Squeeze
from nas.architecture.operations.stage import STRICT, Stage


@dataclass(frozen=True, config=STRICT)
class FusedMBConv(Operation):
    """Fused inverted bottleneck (EfficientNetV2, Tan & Le 2021, figure 2).

    One k x k convolution in place of the expansion and the depthwise convolution of `MBConv`, then
    the linear 1x1 projection. With expansion 1 it is a plain k x k convolution with an activation.
    Squeeze-and-excitation acts on the expanded tensor, which is the input for expansion 1. The
    input is added if the stride is 1 and the widths are equal.

    Example:
        >>> import nas
        >>> nas.FusedMBConv(3, 4).label
        'fused k3 e4'
        >>> [stage.type for stage in nas.Block(nas.FusedMBConv(3, 1), 16, 24, stride=2).stages]
        ['conv']
    """

    has_residual: ClassVar[bool] = True

    kernel_size: KernelSize
    expansion: Expansion
    activation: Activation = "relu6"
    se_ratio: SqueezeRatio = 0.0
    kind: Literal["fused_mbconv"] = "fused_mbconv"

    @property
    def label(self) -> str:
        """For example `fused k3 e4`; the activation is named unless it is ReLU6."""
        end = label_end(self.activation, self.se_ratio)
        return f"fused k{self.kernel_size} e{self.expansion}{end}"

    def stages(self, input_width: int, output_width: int, stride: int) -> tuple[Stage, ...]:
        """See `Operation`."""
        inner = expanded_width(input_width, self.expansion)
        squeeze = Squeeze.of_ratio(inner, self.se_ratio)
        if self.expansion == 1:
            plain = Conv(self.kernel_size, stride, input_width, output_width, self.activation)
            return (*squeeze, plain)
        expand = Conv(self.kernel_size, stride, input_width, inner, self.activation)
        return (expand, *squeeze, Conv(1, 1, inner, output_width, None))
