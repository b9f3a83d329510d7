"""Presets: complete settings of experiments, by name."""

import dataclasses

from nas import known_names
from nas.data import image_options
from nas.data.image_options import ImageOptions
from nas.searching.search_config import SearchConfig
from nas.training import train_config
from nas.training.train_config import TrainConfig
from tools.workflow import search_defaults


@dataclasses.dataclass(frozen=True)
class Preset:
    """One experiment.

    Attributes:
        description: its purpose, and how long it takes on which hardware.
        dataset: TFDS name.
        space: name or path of the search space.
        recipe: the export recipe whose latency is predicted and has the target.
        recipes: every recipe to export, including `recipe`.
        target_latency: target as a fraction of the way from the latency of the space's fastest
            child to that of its slowest.
        networks: number of whole networks to measure for the latency model.
        validation_size: training images held out for the architecture parameters.
        search: settings of the search; the target is filled in once latencies are known.
        train: settings of the child's training.
        child: a published network or a child.json to train without a search; settings that only a
            search needs are then ignored.
        init: weights that search and training begin with: `random`, or as for
            `nas.pretrained.seeds.load`; then the training goes on with those that the search
            leaves. With `search` it does so after a search from random weights.
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
    init: str = "random"
    images: ImageOptions = image_options.SUITABLE


_ALL_RECIPES = ("float32", "float16", "dynamic_range", "int8")

# The training recipe takes random crops of any size, so images are decoded for every batch.
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
        # With so few steps, accuracies of whole networks are a better signal than gradients of
        # gates; docs/results.md has both.
        search=SearchConfig(
            algorithm="proxyless_reinforce",
            warmup_epochs=2,
            epochs=3,
            batch_size=64,
            warmup_learning_rate=0.2,
            learning_rate=0.1,
            clip_norm=search_defaults.CLIP_NORM,
            arch_learning_rate=0.02,
            arch_period=2,
            # The likelihood on half of the images says more than the accuracy on all of them;
            # docs/results.md.
            reinforce_images=32,
            reward_quality="likelihood",
            reward_baseline="others",
            evolution_population=16,
            evolution_generations=6,
        ),
        # What the search taught the network is worth 1.6 points in equal time; docs/results.md.
        init="search",
        # So few epochs need no label smoothing.
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
            # 20,000 steps of alpha are a fifth of the reference's for ImageNet, so the rate is
            # five times as high.
            arch_learning_rate=5e-3,
            arch_period=2,
        ),
        # Decoupled decay 5e-3 equals the customary L2 penalty 5e-4 with momentum 0.9.
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
        # All settings are the reference's: 40 epochs of warm-up, 120 of search, batch size 256.
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
    "photos": Preset(
        description="200 to 50,000 photos of your own, from the weights of ImageNet; see "
        "docs/my_data.md",
        dataset="tf_flowers",
        space="efficientnet_lite",
        recipe="int8",
        recipes=_ALL_RECIPES,
        target_latency=0.3,
        networks=64,
        validation_size=5000,
        search=SearchConfig(
            warmup_epochs=2,
            epochs=8,
            batch_size=32,
            optimizer="adamw",
            warmup_learning_rate=1e-3,
            learning_rate=5e-4,
            arch_learning_rate=0.02,
            arch_period=2,
            derive="estimate",
            init="imagenet",
        ),
        train=train_config.FINE_TUNING,
        init="imagenet",
        # Decoded once if memory allows, and shifted and mirrored: few epochs need no stronger
        # augmentation.
        images=ImageOptions(preferred_resolution=224),
    ),
    "tiny": Preset(
        description="a smoke test on Fashion-MNIST; its network is not useful",
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
        ValueError: no preset has that name; the message lists the known names.
    """
    known_names.check("preset", name, PRESETS)
    return PRESETS[name]
