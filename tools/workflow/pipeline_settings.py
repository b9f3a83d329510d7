"""What a pipeline is asked to do, checked before anything is done."""

import dataclasses
from typing import Any

import latency_models
from export import recipes, support
from latency_models import PhoneSettings
from latency_models.models import selection
from nas.architecture import spaces
from nas.architecture.specs import Child, SearchSpace
from nas.data import image_options
from nas.data.image_options import ImageOptions
from nas.searching import algorithms
from tools.workflow import presets


@dataclasses.dataclass(frozen=True)
class Settings:
    """What a pipeline is asked to do.

    Attributes:
        preset: the experiment.
        data_dir: TFDS folder; None for TFDS' own default.
        device: name of the device.
        num_threads: threads of the interpreter.
        target_latency_ms: instead of the preset's relative target; None for the latter.
        is_limit: the child's predicted latency never exceeds the target.
        seed: of everything random.
        max_train_examples: 0 for all.
        images: how they become arrays of one size.
        phone: how models run on the device, where it is a phone.
    """

    preset: presets.Preset
    data_dir: str | None
    device: str
    num_threads: int
    target_latency_ms: float | None
    is_limit: bool
    seed: int
    max_train_examples: int
    images: ImageOptions = image_options.SUITABLE
    phone: PhoneSettings | None = None

    def as_config(self) -> dict[str, Any]:
        """The settings as a work dir keeps them: of the phone, only what a latency depends on."""
        config = dataclasses.asdict(self)
        # The preset's are among them.
        del config["preset"]["images"]
        if self.images == image_options.SUITABLE:
            del config["images"]
        if self.preset.child is None:
            del config["preset"]["child"]
        phone = config.pop("phone")
        if phone is not None and self.device != "local":
            unimportant = ("adb", "timeout_seconds", "cooling_seconds")
            config["phone"] = {name: phone[name] for name in phone if name not in unimportant}
        return config


def checked(settings: Settings) -> Settings:
    """Refuses what would fail later, before anything is written or done.

    Returns:
        The settings, the recipe aimed at among the recipes that are exported.

    Raises:
        ValueError: names that do not exist, or numbers that cannot be.
    """
    preset = settings.preset
    for name in (preset.recipe, *preset.recipes):
        recipes.recipe(name)
    network: Child | SearchSpace
    if preset.child is not None:
        network = spaces.load_child(preset.child)
    else:
        network = spaces.load_space(preset.space)
        _check_search(preset, network)
    for name in (preset.recipe, *preset.recipes):
        support.check(network, name)
    latency_models.device(settings.device, settings.num_threads, settings.phone)
    if preset.recipe in preset.recipes:
        return settings
    preset = dataclasses.replace(preset, recipes=(preset.recipe, *preset.recipes))
    return dataclasses.replace(settings, preset=preset)


def _check_search(preset: presets.Preset, space: SearchSpace) -> None:
    algorithms.algorithm(preset.search.algorithm, preset.search)
    if space.cardinality < selection.MIN_NETWORKS:
        raise ValueError(
            f"space {space.name}: expected at least {selection.MIN_NETWORKS} networks to "
            f"choose from, received {space.cardinality}; add slots or candidates"
        )
