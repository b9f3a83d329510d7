"""Experiments by name: everything a pipeline needs to know, on one readable page."""

import dataclasses

from nas.data import image_options
from nas.data.image_options import ImageOptions
from nas.searching.search_config import SearchConfig
from nas.training.child_training import TrainConfig


@dataclasses.dataclass(frozen=True)
class Preset:
    """One experiment.

    Attributes:
        description: what it is for, how long it takes and where.
        dataset: TFDS name.
        space: name or path of the search space.
        recipe: the export recipe whose latency is predicted and aimed at.
        recipes: every recipe that is exported, `recipe` among them.
        target_latency: the latency aimed at, as a fraction of the way from the space's fastest
            to its slowest child.
        networks: whole networks measured for the latency model.
        validation_size: training images kept for the architecture parameters.
        search: settings of the search; the target is filled in once latencies are known.
        train: settings of the child's training.
        child: a published network or a child.json that is trained instead of a search; then what
            only a search needs is not looked at.
        images: how images become arrays of one size, and how they are kept.
    """

    description: str
    dataset: str
    space: str
    recipe: str
    recipes: tuple[str, ...]
    target_latency: float
    networks: int
    validation_size: int
    search: SearchConfig
    train: TrainConfig
    child: str | None = None
    images: ImageOptions = image_options.SUITABLE


_ALL_RECIPES = ("float32", "float16", "dynamic_range", "int8")

# Decoded for every batch, since random crops of any size are part of the recipe.
_PHOTOGRAPHS = ImageOptions(preferred_resolution=224, cache="files")

PRESETS = {
    "quick": Preset(
        description="CIFAR-10 in about ten minutes on two CPU cores; shows every stage for real",
        dataset="cifar10",
        space="cifar",
        recipe="int8",
        recipes=_ALL_RECIPES,
        target_latency=0.2,
        networks=48,
        validation_size=5000,
        # In so few steps the accuracies of whole networks say more than gradients of gates do:
        # docs/results.md has both.
        search=SearchConfig(
            algorithm="proxyless_reinforce",
            warmup_epochs=2,
            epochs=3,
            batch_size=64,
            warmup_learning_rate=0.2,
            learning_rate=0.1,
            arch_learning_rate=0.02,
            arch_period=2,
            evolution_population=16,
            evolution_generations=6,
        ),
        # So few epochs need no smoothing of labels.
        train=TrainConfig(
            epochs=7,
            batch_size=128,
            learning_rate=0.2,
            warmup_epochs=0.5,
            label_smoothing=0.0,
        ),
    ),
    "cifar10": Preset(
        description="the full recipe on CIFAR-10, for a GPU; see docs/presets/cifar10.md",
        dataset="cifar10",
        space="proxyless_cifar",
        recipe="int8",
        recipes=_ALL_RECIPES,
        target_latency=0.3,
        networks=96,
        validation_size=5000,
        search=SearchConfig(
            warmup_epochs=40,
            epochs=120,
            batch_size=128,
            # 20,000 steps of alpha, a fifth of the reference's for ImageNet, so five times as far.
            arch_learning_rate=5e-3,
            arch_period=2,
        ),
        # Decay 5e-3, decoupled, is the customary 5e-4 as L2 through momentum 0.9.
        train=TrainConfig(
            epochs=300, batch_size=128, learning_rate=0.1, warmup_epochs=5, weight_decay=5e-3
        ),
    ),
    "imagenet": Preset(
        description="the reference's search on ImageNet, for GPUs; see docs/presets/imagenet.md",
        dataset="imagenet2012",
        space="proxyless_imagenet",
        recipe="int8",
        recipes=_ALL_RECIPES,
        target_latency=0.3,
        networks=96,
        validation_size=50_000,
        # Every setting is the reference's: warm-up 40 epochs, search 120, batch 256.
        search=SearchConfig(),
        train=TrainConfig(),
        images=_PHOTOGRAPHS,
    ),
    "imagenet_child": Preset(
        description="a network trained on ImageNet for 300 epochs; see "
        "docs/presets/imagenet_child.md",
        dataset="imagenet2012",
        space="proxyless_imagenet",
        recipe="int8",
        recipes=_ALL_RECIPES,
        target_latency=0.3,
        networks=96,
        validation_size=50_000,
        search=SearchConfig(),
        train=TrainConfig(),
        child="proxyless_mobile",
        images=_PHOTOGRAPHS,
    ),
    "tiny": Preset(
        description="a smoke test on Fashion-MNIST; its network is of no use",
        dataset="fashion_mnist",
        space="tiny",
        recipe="float32",
        recipes=_ALL_RECIPES,
        target_latency=0.5,
        networks=4,
        validation_size=200,
        search=SearchConfig(
            warmup_epochs=1,
            epochs=2,
            batch_size=32,
            warmup_learning_rate=0.1,
            learning_rate=0.1,
            arch_learning_rate=0.05,
            arch_period=1,
            evolution_population=4,
            evolution_generations=2,
            random_networks=3,
        ),
        train=TrainConfig(epochs=2, batch_size=32, learning_rate=0.1, warmup_epochs=0.5),
    ),
}


def preset(name: str) -> Preset:
    """The preset called `name`.

    Raises:
        ValueError: no such preset; the known ones are listed.
    """
    if name not in PRESETS:
        known = ", ".join(PRESETS)
        raise ValueError(f"preset: expected one of {known}; received {name!r}")
    return PRESETS[name]
