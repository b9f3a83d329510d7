"""The operation that does as little as the shapes allow."""

from typing import ClassVar, Literal

from pydantic.dataclasses import dataclass

from nas.architecture.operations.convolutions import Conv
from nas.architecture.operations.operation import Operation
from nas.architecture.operations.stage import STRICT, Stage


@dataclass(frozen=True, config=STRICT)
class Skip(Operation):
    """The paper's zero operation inside a residual block: the input itself.

    Where stride or width change it is a 1x1 convolution with batch normalization.

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
        """No stage where the shape is kept, otherwise the projection."""
        if stride == 1 and input_width == output_width:
            return ()
        return (Conv(1, stride, input_width, output_width, None),)
