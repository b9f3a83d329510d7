"""The universal inverted bottleneck."""

from typing import ClassVar, Literal

from pydantic.dataclasses import dataclass

from nas.architecture.operations.activations import Activation
from nas.architecture.operations.bottlenecks import Expansion, expanded_width, label_end
from nas.architecture.operations.convolutions import Conv, Depthwise
from nas.architecture.operations.operation import Operation
from nas.architecture.operations.stage import STRICT, Stage

DepthwiseSize = Literal[0, 3, 5, 7]


@dataclass(frozen=True, config=STRICT)
class UIB(Operation):
    """Universal inverted bottleneck (MobileNetV4, Qin et al. 2024, section 4.1).

    Optional depthwise convolution, 1x1 expansion, optional depthwise convolution, linear 1x1
    projection. Kernel size 0 leaves a depthwise convolution out; without both it is a feed-forward
    network. The stride belongs to the middle one, or to the first where there is no middle one. The
    input is added if the stride is 1 and the widths are equal.

    Example:
        >>> import nas
        >>> nas.UIB(start_kernel_size=3, middle_kernel_size=5, expansion=4).label
        'uib k3 k5 e4'
        >>> [stage.type for stage in nas.Block(nas.UIB(0, 0, 2), 16, 16).stages]
        ['conv', 'conv']
    """

    has_residual: ClassVar[bool] = True

    start_kernel_size: DepthwiseSize
    middle_kernel_size: DepthwiseSize
    expansion: Expansion
    activation: Activation = "relu6"
    kind: Literal["uib"] = "uib"

    @property
    def label(self) -> str:
        """For example `uib k3 k5 e4`; the activation is named unless it is ReLU6."""
        sizes = f"k{self.start_kernel_size} k{self.middle_kernel_size}"
        return f"uib {sizes} e{self.expansion}{label_end(self.activation)}"

    def stages(self, input_width: int, output_width: int, stride: int) -> tuple[Stage, ...]:
        """See `Operation`."""
        inner = expanded_width(input_width, self.expansion)
        first = 1 if self.middle_kernel_size else stride
        chain: list[Stage] = []
        if self.start_kernel_size:
            chain.append(Depthwise(self.start_kernel_size, first, input_width, None))
        chain.append(Conv(1, 1, input_width, inner, self.activation))
        if self.middle_kernel_size:
            chain.append(Depthwise(self.middle_kernel_size, stride, inner, self.activation))
        return (*chain, Conv(1, 1, inner, output_width, None))

    def refusal(self, input_width: int, output_width: int, stride: int) -> str | None:
        """See `Operation`."""
        if stride > 1 and not (self.start_kernel_size or self.middle_kernel_size):
            return "expected a depthwise convolution where the stride is 2"
        return None
