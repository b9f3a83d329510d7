"""Settings of a search."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import keras

from nas import known_names, objectives, run_length
from nas.layers import precision

QUALITIES = ("accuracy", "likelihood")
BASELINES = ("average", "others")
OPTIMIZERS: dict[str, Callable[..., keras.optimizers.Optimizer]] = {
    "sgd": functools.partial(keras.optimizers.SGD, momentum=0.9, nesterov=True),
    "adamw": keras.optimizers.AdamW,
}


DERIVATIONS = ("alpha", "estimate")

_AT_LEAST_ONE = (
    *("epochs", "batch_size", "arch_period", "reinforce_networks", "random_networks"),
    *("evolution_population", "evolution_generations", "evolution_parents"),
    *("finalists", "finalist_epochs"),
)


@dataclasses.dataclass(frozen=True)
class SearchConfig:
    """Settings of a search; the defaults are the reference's for ImageNet (batch 256).

    Attributes:
        epochs: epochs after the warm-up, with weight and architecture steps.
        earlier_epochs: the `epochs` of the searches that this one extends, increasing; see
            `nas.run_length` for what schedules do.
        warmup_epochs: epochs with only weight steps, on uniform paths, or with `init` on paths near
            the pretrained network.
        batch_size: images per weight step and per architecture step.
        seed: sets initial weights, sampled paths and data order.
        algorithm: key of `algorithms.ALGORITHMS`.
        optimizer: optimizer of the weights, key of `OPTIMIZERS`.
        precision: precision of activations, one of `precision.PRECISIONS`; weights and alpha are
            float32.
        objective: how the target is pursued, key of `objectives.OBJECTIVES`.
        target: wanted latency of the child in milliseconds, or its cost in the unit of the
            latencies that the search is given; 0 to search for accuracy alone.
        is_limit: whether the child must not exceed the target.
        derive: how the child is chosen, one of `DERIVATIONS`: by the algorithm's own rule (the most
            probable network by alpha, or evolution), or by an additive estimate from the losses of
            all weight steps (`nas.choices.additive_estimate`).
        init: weights that a supernet begins with: `random`, or those of a pretrained network of the
            space (`nas.pretrained.seeds.load`).
        finalists: networks of which the child is chosen by training each a little
            (`nas.searching.finalists`); with 1, the child is chosen without.
        finalist_epochs: epochs of each finalist's first training; every later one is twice as long.
        warmup_learning_rate: start of the cosine over the warm-up.
        learning_rate: start of the cosine over the search.
        clip_norm: largest norm of a weight step's gradient over the sampled path; a longer one is
            shortened to it (Pascanu, Mikolov & Bengio, ICML 2013). 0 for none, as the reference.
        weight_decay: decoupled weight decay on kernels. The reference's 4e-5 is an L2 loss, which
            with momentum 0.9 corresponds to 4e-4 here.
        label_smoothing: label smoothing in weight steps.
        arch_learning_rate: learning rate of alpha, for Adam(beta_1=0). Scale it inversely with the
            number of architecture steps: the reference's 1e-3 belongs to 120 epochs.
        arch_period: number of weight steps per architecture step.
        reinforce_networks: `proxyless_reinforce`: networks sampled in one architecture step.
        reinforce_images: `proxyless_reinforce`: images of the validation batch on which each
            network is judged; 0 for all of them.
        reward: `proxyless_reinforce`: key of `rewards.REWARDS`.
        reward_quality: `proxyless_reinforce`: what a reward is made of beside the latency, one of
            `QUALITIES`: the accuracy, or exp(-cross-entropy), the geometric mean of the
            probabilities of the true classes, of which a few images say more.
        reward_baseline: `proxyless_reinforce`: what a reward is compared with, one of `BASELINES`:
            a moving average, or the mean of the other networks of the same step.
        reward_exponent: exponent of the power reward, above 0; 0.1 is the authors' value.
        reward_beta: beta of the absolute reward, below 0; -0.1 is its authors' value.
        path_dropout: `one_shot`: probability at the end of the training that all candidates of a
            slot are dropped, in [0, 1).
        evolution_population: `one_shot*`: networks evaluated in one generation.
        evolution_generations: `one_shot*`: number of generations, including the first, random one.
        evolution_parents: `one_shot*`: number of best networks that are parents.
        mutation_probability: `one_shot*`: probability that a slot of a mutated network is redrawn.
        random_networks: `random`: number of networks trained, each for an equal share of the
            epochs.

    Example:
        >>> import nas
        >>> config = nas.SearchConfig(epochs=20, warmup_epochs=10, target=80.0, is_limit=True)
        >>> config.algorithm, config.batch_size
        ('proxyless_gradient', 256)
        >>> nas.SearchConfig(epochs=0)
        Traceback (most recent call last):
        ValueError: epochs: expected at least 1, received 0
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
    derive: str = "alpha"
    init: str = "random"
    finalists: int = 1
    finalist_epochs: int = 1
    warmup_learning_rate: float = 0.05
    learning_rate: float = 0.025
    clip_norm: float = 0.0
    weight_decay: float = 4e-4
    label_smoothing: float = 0.1
    arch_learning_rate: float = 1e-3
    arch_period: int = 5
    reinforce_networks: int = 10
    reinforce_images: int = 0
    reward: str = "absolute"
    reward_quality: str = "accuracy"
    reward_baseline: str = "average"
    reward_exponent: float = 0.1
    reward_beta: float = -0.1
    path_dropout: float = 0.1
    evolution_population: int = 50
    evolution_generations: int = 20
    evolution_parents: int = 10
    mutation_probability: float = 0.1
    random_networks: int = 5
    earlier_epochs: tuple[int, ...] = ()

    @property
    def observes(self) -> bool:
        """Whether the losses of all weight steps are kept for an estimate."""
        return self.derive == "estimate" or self.finalists > 1

    @property
    def identity(self) -> dict[str, Any]:
        """Its fields, by which a run recognizes itself.

        Those that were added later are left out at their defaults, so that earlier runs go on.
        """
        later = {"derive": "alpha", "init": "random", "finalists": 1, "finalist_epochs": 1}
        later |= {"earlier_epochs": (), "clip_norm": 0.0, "reinforce_images": 0}
        later |= {"reward_quality": "accuracy", "reward_baseline": "average"}
        fields = dataclasses.asdict(self)
        return {k: v for k, v in fields.items() if k not in later or v != later[k]}

    def __post_init__(self) -> None:
        """Checks the fields."""
        objectives.check_name(self.objective)
        precision.check_name(self.precision)
        known_names.check("optimizer", self.optimizer, OPTIMIZERS)
        known_names.check("derive", self.derive, DERIVATIONS)
        known_names.check("reward_quality", self.reward_quality, QUALITIES)
        known_names.check("reward_baseline", self.reward_baseline, BASELINES)
        for name in _AT_LEAST_ONE:
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, received {getattr(self, name)}")
        run_length.check(self.earlier_epochs, self.epochs)
        if self.earlier_epochs and (self.observes or self.algorithm == "random"):
            what = f"derive={self.derive}, finalists={self.finalists}"
            if self.algorithm == "random":
                what = "algorithm random, whose networks share the epochs"
            raise ValueError(
                f"epochs: expected {self.earlier_epochs[-1]} as before, since a search with {what} "
                f"cannot be extended, received {self.epochs}; search in another work dir"
            )
        for name in ("warmup_epochs", "target", "clip_norm", "reinforce_images"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: expected at least 0, received {getattr(self, name)}")
        if self.reinforce_images > self.batch_size:
            raise ValueError(
                f"reinforce_images: expected at most batch_size={self.batch_size}, received "
                f"{self.reinforce_images}"
            )
        if self.reward_baseline == "others" and self.reinforce_networks < 2:
            raise ValueError(
                "reinforce_networks: expected at least 2 with reward_baseline=others, received 1"
            )
        for name, allowed, is_allowed in (
            ("reward_exponent", "above 0", self.reward_exponent > 0.0),
            ("reward_beta", "below 0", self.reward_beta < 0.0),
            ("path_dropout", "from 0 to below 1", 0.0 <= self.path_dropout < 1.0),
            ("mutation_probability", "from 0 to 1", 0.0 <= self.mutation_probability <= 1.0),
        ):
            if not is_allowed:
                raise ValueError(f"{name}: expected {allowed}, received {getattr(self, name)}")
