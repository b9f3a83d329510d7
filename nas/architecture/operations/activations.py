"""The activations a stage may end with, one row each."""

import dataclasses
from typing import Annotated

from pydantic import AfterValidator


@dataclasses.dataclass(frozen=True)
class ActivationKind:
    """What a reader without a framework needs to know about an activation.

    Attributes:
        operators: operators of its own in a `.tflite` file. Empty where runtimes compute the
            activation inside the convolution before it.
    """

    operators: tuple[str, ...] = ()


ACTIVATIONS = {
    "relu": ActivationKind(),
    "relu6": ActivationKind(),
}


def _check(name: str) -> str:
    if name not in ACTIVATIONS:
        known = ", ".join(map(repr, ACTIVATIONS))
        raise ValueError(f"expected one of {known}")
    return name


# A key of `ACTIVATIONS`.
Activation = Annotated[str, AfterValidator(_check)]
