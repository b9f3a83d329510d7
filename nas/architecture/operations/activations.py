"""The activations that a stage can end with, one row each."""

import dataclasses
from typing import Annotated

from pydantic import AfterValidator


@dataclasses.dataclass(frozen=True)
class ActivationKind:
    """Properties of an activation that do not depend on a framework.

    Attributes:
        operators: the operators that it adds to a `.tflite` file. Empty if runtimes compute the
            activation as part of the convolution before it.
    """

    operators: tuple[str, ...] = ()


ACTIVATIONS = {
    "relu": ActivationKind(),
    "relu6": ActivationKind(),
    # x relu6(x + 3) / 6 (Howard et al. 2019, section 5.2).
    "hard_swish": ActivationKind(operators=("HARD_SWISH",)),
}


def _check(name: str) -> str:
    if name not in ACTIVATIONS:
        known = ", ".join(map(repr, ACTIVATIONS))
        raise ValueError(f"expected one of {known}")
    return name


# A key of `ACTIVATIONS`.
Activation = Annotated[str, AfterValidator(_check)]
