"""The skip: an identity, or a 1x1 convolution where the shape changes."""

from typing import ClassVar, Literal

from pydantic.dataclasses import dataclass

from nas.architecture.operations.convolutions import Conv
from nas.architecture.operations.operation import Operation
from nas.architecture.operations.stage import STRICT, Stage


@dataclass(frozen=True, config=STRICT)
class Skip(Operation):
    """The identity: the zero operation of the paper, inside a residual block.

    If the stride is 2 or the width changes, it is a 1x1 convolution with batch normalization.

    Example:
        >>> import nas
        >>> nas.Block(nas.Skip(), 16, 16).is_identity
        True
        >>> nas.Block(nas.Skip(), 16, 24).is_identity
        False
    """

    has_residual: ClassVar[bool] = False

    kind: Literal["skip"] = "skip"

    @property
    def label(self) -> str:
        """Always `skip`."""
        return "skip"

    def stages(self, input_width: int, output_width: int, stride: int) -> tuple[Stage, ...]:
        """Returns no stages if the shape is kept, otherwise the 1x1 convolution."""
        if stride == 1 and input_width == output_width:
            return ()
        return self.reshaping_stages(input_width, output_width, stride)

    def reshaping_stages(
        self, input_width: int, output_width: int, stride: int
    ) -> tuple[Stage, ...]:
        """Returns the 1x1 convolution, also if the widths happen to be equal."""
        return (Conv(1, stride, input_width, output_width, None),)
