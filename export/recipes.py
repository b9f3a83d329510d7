"""Recipes: the ways to write a network as a `.tflite` file, as named values.

A recipe says in which types a file computes, and how far its results may be from those of the
network it was made from. There are three limits, and a recipe sets those that are meaningful:

- `max_relative_difference`: largest difference of any logit, divided by the largest absolute logit.
  The file is compared with the network that has the weights of the file. With float32 activations
  only the order of summation differs. An integer network can be far off on a single logit and
  still be right, so it has no such limit. The effect of rounding weights to float16 depends on the
  network (`export.conversion.rounding`), and is checked by the other two limits.
- `min_top1_agreement`: share of images for which both predict the same class.
- `max_accuracy_drop`: accuracy lost, as a fraction.

The last two are estimates from a sample of images, so `export.checks.parity` allows for their
sampling error.
"""

import dataclasses
from typing import Literal

from nas import known_names

FineTuning = Literal["quantization", "pruning", "clustering"]


@dataclasses.dataclass(frozen=True)
class Recipe:
    """One way to write a network.

    Attributes:
        name: its name in file names and flags.
        description: one line for tables and reports.
        weights: type of the kernels.
        activations: type of the tensors between operations. If it is `float32` and the weights are
            `int8`, runtimes quantize activations on the fly.
        interface: type of the input and the output. `uint8` takes pixels as they are.
        fine_tuning: how the network is fine-tuned before it is written; None for not at all.
        max_accuracy_drop: accuracy that may be lost, as a fraction. With fine-tuning, the file is
            compared with the float network trained for as long.
        max_relative_difference: largest allowed difference of a logit from the network with the
            weights of the file, over the largest logit; None for no limit.
        min_top1_agreement: smallest allowed share of images with equal predicted classes; None for
            no limit.
    """

    name: str
    description: str
    max_accuracy_drop: float
    weights: Literal["float32", "float16", "int8"] = "float32"
    activations: Literal["float32", "int8", "int16"] = "float32"
    interface: Literal["float32", "int8", "uint8"] = "float32"
    fine_tuning: FineTuning | None = None
    max_relative_difference: float | None = None
    min_top1_agreement: float | None = None

    @property
    def quantizes_weights(self) -> bool:
        """Whether weights become int8."""
        return self.weights == "int8"

    @property
    def needs_calibration(self) -> bool:
        """Whether conversion has to measure the ranges of activations on images."""
        return self.activations != "float32" and self.fine_tuning != "quantization"

    @property
    def without_fine_tuning(self) -> "Recipe":
        """The recipe with the same types, but without fine-tuning; used to measure latency."""
        return dataclasses.replace(self, fine_tuning=None)


RECIPES = {
    row.name: row
    for row in (
        Recipe(
            name="float32",
            description="weights and activations float32",
            max_accuracy_drop=0.0005,
            max_relative_difference=1e-4,
            min_top1_agreement=0.9999,
        ),
        Recipe(
            name="float16",
            description="weights stored as float16, computed in float32",
            weights="float16",
            max_accuracy_drop=0.002,
            max_relative_difference=1e-4,
            min_top1_agreement=0.999,
        ),
        Recipe(
            name="dynamic_range",
            description="weights int8, activations quantized on the fly; input and output float32",
            weights="int8",
            max_accuracy_drop=0.005,
        ),
        Recipe(
            name="int8",
            description="weights and activations int8, input and output included",
            weights="int8",
            activations="int8",
            interface="int8",
            max_accuracy_drop=0.005,
        ),
        Recipe(
            name="uint8_io",
            description="weights and activations int8; takes pixels as they are, input and output "
            "uint8",
            weights="int8",
            activations="int8",
            interface="uint8",
            max_accuracy_drop=0.005,
        ),
        Recipe(
            name="int8_float_io",
            description="weights and activations int8; input and output float32",
            weights="int8",
            activations="int8",
            max_accuracy_drop=0.005,
        ),
        Recipe(
            name="int16x8",
            description="weights int8, activations int16; input and output float32",
            weights="int8",
            activations="int16",
            max_accuracy_drop=0.005,
        ),
        Recipe(
            name="int8_qat",
            description="as int8, after quantization-aware training",
            weights="int8",
            activations="int8",
            interface="int8",
            fine_tuning="quantization",
            max_accuracy_drop=0.002,
        ),
        Recipe(
            name="sparse",
            description="as float32, after training with half of the weights removed",
            fine_tuning="pruning",
            max_accuracy_drop=0.01,
            max_relative_difference=1e-4,
            min_top1_agreement=0.9999,
        ),
        Recipe(
            name="sparse_int8",
            description="as int8, after training with half of the weights removed",
            weights="int8",
            activations="int8",
            interface="int8",
            fine_tuning="pruning",
            max_accuracy_drop=0.015,
        ),
        Recipe(
            name="clustered",
            description="as float32, after training with few distinct weights in each kernel",
            fine_tuning="clustering",
            max_accuracy_drop=0.01,
            max_relative_difference=1e-4,
            min_top1_agreement=0.9999,
        ),
    )
}


def recipe(name: str) -> Recipe:
    """Returns the recipe called `name`.

    Raises:
        ValueError: there is no such recipe; the message lists the known ones.

    Example:
        >>> import export
        >>> int8 = export.recipe("int8")
        >>> int8.weights, int8.interface, int8.needs_calibration, int8.max_accuracy_drop
        ('int8', 'int8', True, 0.005)
    """
    known_names.check("recipe", name, RECIPES)
    return RECIPES[name]
