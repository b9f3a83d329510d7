"""The base class of all kinds of operations."""

import abc
from typing import ClassVar

from nas.architecture.operations.stage import Stage


class Operation(abc.ABC):
    """An operation that a slot can choose. A subclass is a frozen pydantic dataclass.

    Attributes:
        kind: name of the kind in JSON; a literal field.
        has_residual: whether its input is added to its output if the stride is 1 and the widths are
            equal.
    """

    kind: str
    has_residual: ClassVar[bool]

    @property
    @abc.abstractmethod
    def label(self) -> str:
        """Short name in tables and plots; no code depends on it.

        Operations that differ in any field have different labels.
        """

    @abc.abstractmethod
    def stages(self, input_width: int, output_width: int, stride: int) -> tuple[Stage, ...]:
        """Returns the chain that it runs on `input_width` channels; empty for an identity."""

    def reshaping_stages(
        self, input_width: int, output_width: int, stride: int
    ) -> tuple[Stage, ...]:
        """Returns the chain between two width decisions, which may happen to be equal.

        A supernet runs one chain whatever the widths are, so its stages must not depend on whether
        they are equal. By default they are those of `stages`.
        """
        return self.stages(input_width, output_width, stride)

    def refusal(self, input_width: int, output_width: int, stride: int) -> str | None:
        """Returns why it cannot have these widths and this stride, or None if it can.

        A space or child that uses it so is refused; the message has this reason and the place.
        """
        del input_width, output_width, stride
        return None
