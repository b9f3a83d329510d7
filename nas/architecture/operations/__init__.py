"""The kinds of operation that a slot can choose from, as plain data; imports no framework.

Each kind is one file with a frozen dataclass derived from `Operation`, and is listed in
`AnyOperation`. It says which chain of stages it runs. Supernet, Keras child, counts, exports and
latency features all read that chain.
"""

from typing import Annotated

from pydantic import Field

from nas.architecture.operations.activations import ACTIVATIONS, Activation
from nas.architecture.operations.convolutions import Conv, Depthwise
from nas.architecture.operations.fused_mbconv import FusedMBConv
from nas.architecture.operations.mbconv import MBConv
from nas.architecture.operations.operation import Operation
from nas.architecture.operations.pooled_stages import Pooled, Squeeze
from nas.architecture.operations.skip import Skip
from nas.architecture.operations.stage import STRICT, Stage
from nas.architecture.operations.uib import UIB

AnyOperation = Annotated[
    MBConv | FusedMBConv | UIB | Skip,
    Field(discriminator="kind"),
]

__all__ = [
    "ACTIVATIONS",
    "STRICT",
    "UIB",
    "Activation",
    "AnyOperation",
    "Conv",
    "Depthwise",
    "FusedMBConv",
    "MBConv",
    "Operation",
    "Pooled",
    "Skip",
    "Squeeze",
    "Stage",
]
