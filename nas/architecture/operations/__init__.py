"""The kinds of operation a slot may choose from, as plain data; no framework is imported.

A kind is a frozen dataclass with a literal `kind`, a `label`, `has_residual`, and `stages(...)`:
the chain of stages it runs. The supernet, the Keras child, the cost counters and the latency
features read that chain, so a new kind is one file here and one name in the row below.
"""

from typing import Annotated

from pydantic import Field

from nas.architecture.operations.mbconv import MBConv
from nas.architecture.operations.skip import Skip
from nas.architecture.operations.stage import STRICT, Activation, Stage

Candidate = Annotated[MBConv | Skip, Field(discriminator="kind")]

__all__ = ["STRICT", "Activation", "Candidate", "MBConv", "Skip", "Stage"]
