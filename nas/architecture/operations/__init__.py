"""The kinds of operation that a slot can choose from, as plain data; imports no framework.

Each kind is one file with a frozen dataclass derived from `Operation`, and is listed in
`AnyOperation`. It says which chain of stages it runs. Supernet, Keras child, counts, exports and
latency features all read that chain.
"""

from typing import Annotated

from pydantic import Field

from nas.architecture.operations.activations import ACTIVATIONS, Activation
from nas.architecture.operations.convolutions import Conv, Depthwise
from nas.architecture.operations.mbconv import MBConv
from nas.architecture.operations.operation import Operation
from nas.architecture.operations.skip import Skip
from nas.architecture.operations.stage import STRICT, Stage

AnyOperation = Annotated[
    MBConv | Skip,
    Field(discriminator="kind"),
]

__all__ = [
    "ACTIVATIONS",
    "STRICT",
    "Activation",
    "AnyOperation",
    "Conv",
    "Depthwise",
    "MBConv",
    "Operation",
    "Skip",
    "Stage",
]
