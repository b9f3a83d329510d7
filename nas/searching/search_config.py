"""Settings of a search."""

import dataclasses
import functools
from collections.abc import Callable

import keras

from nas import objectives
from nas.layers import precision

OPTIMIZERS: dict[str, Callable[..., keras.optimizers.Optimizer]] = {
    "sgd": functools.partial(keras.optimizers.SGD, momentum=0.9, nesterov=True),
    "adamw": keras.optimizers.AdamW,
}


_AT_LEAST_ONE = (
    *("epochs", "batch_size", "arch_period", "reinforce_networks", "random_networks"),
    *("evolution_population", "evolution_generations", "evolution_parents"),
)


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
        reinforce_networks: `proxyless_reinforce`: networks sampled in one architecture step.
        reward: `proxyless_reinforce`: key of `rewards.REWARDS`.
        reward_exponent: of the power reward, above 0; the authors' 0.1.
        reward_beta: of the absolute reward, below 0; its authors' -0.1.
        path_dropout: `one_shot`: with which probability, at the end of the training, all
            candidates of a slot are dropped, in [0, 1).
        evolution_population: `one_shot*`: networks judged in one generation.
        evolution_generations: `one_shot*`: the first, random one among them.
        evolution_parents: `one_shot*`: the best so many have offspring.
        mutation_probability: `one_shot*`: of a mutated network's slot, to be drawn anew.
        random_networks: `random`: networks that are trained, each for an equal share of the
            epochs.
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
    reinforce_networks: int = 10
    reward: str = "absolute"
    reward_exponent: float = 0.1
    reward_beta: float = -0.1
    path_dropout: float = 0.1
    evolution_population: int = 50
    evolution_generations: int = 20
    evolution_parents: int = 10
    mutation_probability: float = 0.1
    random_networks: int = 5

    def __post_init__(self) -> None:
        """Refuses settings that cannot be."""
        objectives.check_name(self.objective)
        precision.check_name(self.precision)
        if self.optimizer not in OPTIMIZERS:
            known = ", ".join(OPTIMIZERS)
            raise ValueError(f"optimizer: expected one of {known}; received {self.optimizer!r}")
        for name in _AT_LEAST_ONE:
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, received {getattr(self, name)}")
        for name in ("warmup_epochs", "target"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: expected at least 0, received {getattr(self, name)}")
        for name, allowed, is_allowed in (
            ("reward_exponent", "above 0", self.reward_exponent > 0.0),
            ("reward_beta", "below 0", self.reward_beta < 0.0),
            ("path_dropout", "from 0 to below 1", 0.0 <= self.path_dropout < 1.0),
            ("mutation_probability", "from 0 to 1", 0.0 <= self.mutation_probability <= 1.0),
        ):
            if not is_allowed:
                raise ValueError(f"{name}: expected {allowed}, received {getattr(self, name)}")
