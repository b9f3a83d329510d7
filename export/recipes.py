"""The ways a network may be written as a `.tflite` file, as named values.

A recipe says what is quantized and how far its file may stray from the Keras network it was made
from. Three limits serve, each where it means something:

- `max_relative_difference`: largest difference of any logit over the largest absolute logit. Float
  recipes change only roundings, so the difference itself is bounded; an integer network may be off
  by a lot on a single logit and still be right.
- `min_top1_agreement`: share of images on which both name the same class first.
- `max_accuracy_drop`: accuracy lost, as a fraction.

The last two are estimates from a sample of images; `export.parity` grants them their sampling
error.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Recipe:
    """One way to write a network.

    Attributes:
        name: stands in file names and flags.
        description: one line for tables and reports.
        quantizes_weights: whether weights become int8.
        needs_calibration: whether ranges of activations are measured on images.
        max_accuracy_drop: accuracy that may be lost, as a fraction.
        max_relative_difference: largest allowed difference of a logit, over the largest logit; None
            where a single logit proves nothing.
        min_top1_agreement: smallest allowed share of equal first classes; None where the accuracy
            alone counts.
    """

    name: str
    description: str
    quantizes_weights: bool
    needs_calibration: bool
    max_accuracy_drop: float
    max_relative_difference: float | None = None
    min_top1_agreement: float | None = None


RECIPES = {
    row.name: row
    for row in (
        Recipe(
            name="float32",
            description="weights and activations float32",
            quantizes_weights=False,
            needs_calibration=False,
            max_accuracy_drop=0.001,
            max_relative_difference=1e-4,
            min_top1_agreement=0.999,
        ),
        Recipe(
            name="float16",
            description="weights stored as float16, computed in float32",
            quantizes_weights=False,
            needs_calibration=False,
            max_accuracy_drop=0.005,
            max_relative_difference=0.02,
            min_top1_agreement=0.995,
        ),
        Recipe(
            name="dynamic_range",
            description="weights int8, activations quantized on the fly; input and output float32",
            quantizes_weights=True,
            needs_calibration=False,
            max_accuracy_drop=0.03,
        ),
        Recipe(
            name="int8",
            description="weights and activations int8, input and output included",
            quantizes_weights=True,
            needs_calibration=True,
            max_accuracy_drop=0.03,
        ),
    )
}


def recipe(name: str) -> Recipe:
    """The recipe called `name`.

    Raises:
        ValueError: no such recipe; the message lists the known ones.
    """
    if name not in RECIPES:
        raise ValueError(f"recipe: expected one of {', '.join(RECIPES)}; received {name!r}")
    return RECIPES[name]
