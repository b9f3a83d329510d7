"""Settings of a search."""

import dataclasses
import functools
from collections.abc import Callable

import keras

from nas import objectives, precision

OPTIMIZERS: dict[str, Callable[..., keras.optimizers.Optimizer]] = {
    "sgd": functools.partial(keras.optimizers.SGD, momentum=0.9, nesterov=True),
    "adamw": keras.optimizers.AdamW,
}


@dataclasses.dataclass(frozen=True)
class SearchConfig:
    """Settings of a search; the defaults are the reference's for ImageNet (batch 256).

    Attributes:
        epochs: after the warm-up; weight and architecture steps.
        warmup_epochs: weight steps on uniform paths.
        batch_size: of weight steps and of architecture steps.
        seed: of weights, paths and data order.
        algorithm: key of `algorithms.ALGORITHMS`.
        optimizer: of the weights, key of `OPTIMIZERS`.
        precision: of activations, one of `precision.PRECISIONS`; weights and alpha are float32.
        objective: key of `objectives.OBJECTIVES`; how the target is pursued.
        target: what the child's predicted latency is to be, in milliseconds, or its cost in the
            unit of the latencies that the search is given; 0 for accuracy alone.
        is_limit: the child never costs more than the target.
        warmup_learning_rate: start of the warm-up's cosine.
        learning_rate: start of the search's cosine.
        weight_decay: decoupled, on kernels. The reference's 4e-5 is L2 through momentum 0.9,
            which is this 4e-4.
        label_smoothing: in weight steps.
        arch_learning_rate: of Adam(beta_1=0). Scale it with the number of architecture steps:
            the reference's 1e-3 belongs to 120 epochs.
        arch_period: an architecture step follows every so many weight steps.
    """

    epochs: int = 120
    warmup_epochs: int = 40
    batch_size: int = 256
    seed: int = 0
    algorithm: str = "proxyless_gradient"
    optimizer: str = "sgd"
    precision: str = "float32"
    objective: str = "target"
    target: float = 0.0
    is_limit: bool = False
    warmup_learning_rate: float = 0.05
    learning_rate: float = 0.025
    weight_decay: float = 4e-4
    label_smoothing: float = 0.1
    arch_learning_rate: float = 1e-3
    arch_period: int = 5

    def __post_init__(self) -> None:
        """Refuses settings that cannot be."""
        objectives.check_name(self.objective)
        precision.check_name(self.precision)
        if self.optimizer not in OPTIMIZERS:
            known = ", ".join(OPTIMIZERS)
            raise ValueError(f"optimizer: expected one of {known}; received {self.optimizer!r}")
        for name in ("epochs", "batch_size", "arch_period"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, received {getattr(self, name)}")
        for name in ("warmup_epochs", "target"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: expected at least 0, received {getattr(self, name)}")
