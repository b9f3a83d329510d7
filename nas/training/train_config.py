"""The settings of a child's training."""

import dataclasses
from typing import Any

from nas import known_names, run_length
from nas.layers import precision

OPTIMIZERS = ("sgd", "adamw")


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Settings of a training; the defaults are the reference's for ImageNet (batch 256).

    Attributes:
        epochs: passes over the training and validation splits together.
        earlier_epochs: the epochs of the runs that this one extends, increasing; see
            `nas.run_length` for its learning rate.
        batch_size: images per step.
        seed: sets the initial weights and the data order.
        optimizer: of the weights, one of `OPTIMIZERS`: Nesterov's momentum, or AdamW.
        learning_rate: peak value, reached after the warm-up; then falls to zero along a cosine.
        warmup_epochs: epochs in which the learning rate grows linearly; may be a fraction.
        weight_decay: decoupled weight decay, on kernels only (no normalization, no bias).
        label_smoothing: label smoothing of the cross-entropy.
        precision: precision of activations, one of `precision.PRECISIONS`; weights are float32.
        jit_compile: whether XLA compiles the step: faster on GPUs, many times slower on CPUs.
        freeze_moments: whether batch normalization keeps the moments that it begins with.
        measure_moments: whether they are measured before the first step, for a network that was cut
            out of its seed.
        fit_classifier: whether the classifier is fitted in closed form before the first step.

    Example:
        >>> import nas
        >>> config = nas.TrainConfig(epochs=10, batch_size=64)
        >>> config.learning_rate, config.label_smoothing
        (0.05, 0.1)
        >>> nas.TrainConfig(batch_size=0)
        Traceback (most recent call last):
        ValueError: batch_size: expected at least 1, received 0
    """

    epochs: int = 300
    batch_size: int = 256
    seed: int = 0
    optimizer: str = "sgd"
    learning_rate: float = 0.05
    warmup_epochs: float = 0.0
    weight_decay: float = 4e-4
    label_smoothing: float = 0.1
    precision: str = "float32"
    jit_compile: bool = False
    freeze_moments: bool = False
    measure_moments: bool = False
    fit_classifier: bool = False
    earlier_epochs: tuple[int, ...] = ()

    @property
    def settings(self) -> dict[str, Any]:
        """The fields by name, without those of later versions that are at their defaults."""
        later = (
            *("optimizer", "freeze_moments", "measure_moments", "fit_classifier"),
            "earlier_epochs",
        )
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        fields = dataclasses.asdict(self)
        return {k: v for k, v in fields.items() if k not in later or v != defaults[k]}

    def __post_init__(self) -> None:
        """Checks the fields."""
        precision.check_name(self.precision)
        known_names.check("optimizer", self.optimizer, OPTIMIZERS)
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, received {getattr(self, name)}")
        run_length.check(self.earlier_epochs, self.epochs)


# From random weights on images of 32x32 pixels, on two CPU cores.
SCRATCH = TrainConfig(epochs=10, batch_size=128, learning_rate=0.2, warmup_epochs=0.5)
# From the weights of another data set, on hundreds to thousands of images: the classifier first,
# then everything at a small rate, with the moments that the network brings along. docs/results.md
# has the measurements.
FINE_TUNING = TrainConfig(
    epochs=8,
    batch_size=32,
    optimizer="adamw",
    learning_rate=5e-4,
    warmup_epochs=0.5,
    weight_decay=0.02,
    freeze_moments=True,
    fit_classifier=True,
)
