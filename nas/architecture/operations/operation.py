"""What every kind of operation says about itself."""

import abc
from typing import ClassVar

from nas.architecture.operations.stage import Stage


class Operation(abc.ABC):
    """An operation that a slot may choose. A subclass is a frozen pydantic dataclass.

    Attributes:
        kind: tells kinds apart in JSON; a literal field.
        has_residual: whether its input is added to its output where stride is 1 and the widths are
            equal.
    """

    kind: str
    has_residual: ClassVar[bool]

    @property
    @abc.abstractmethod
    def label(self) -> str:
        """Short name in tables and plots, for people alone.

        Two operations that differ in any field have different labels.
        """

    @abc.abstractmethod
    def stages(self, input_width: int, output_width: int, stride: int) -> tuple[Stage, ...]:
        """The chain that it runs on an input of `input_width` channels; empty for an identity."""

    def refusal(self, input_width: int, output_width: int, stride: int) -> str | None:
        """Why it cannot stand in a place of these widths and this stride; None where it can.

        A space or child that puts it there is refused with this reason and the place.
        """
        del input_width, output_width, stride
        return None
