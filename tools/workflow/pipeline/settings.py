"""Settings of a pipeline, and the checks before it starts."""

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
from nas.pretrained import init_names, seeds
from nas.searching import algorithms
from tools.workflow import presets

# In place of a recipe: the fastest of those that are exported.
FASTEST = "fastest"


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of a pipeline.

    Attributes:
        preset: the experiment.
        data_dir: TFDS folder; None for TFDS' own default.
        device: name of the device.
        num_threads: threads of the interpreter.
        target_latency_ms: target in milliseconds; None to use the preset's relative target.
        is_limit: whether the target is a limit for the child's predicted latency.
        seed: seed of all random draws.
        max_train_examples: number of training images to use; 0 for all.
        images: how images become arrays of one size.
        phone: how models run on the device, if it is a phone.
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

    @property
    def chooses_resolution(self) -> bool:
        """Whether the resolution of a given network is chosen by the target.

        A network in a file keeps its resolution.
        """
        child = self.preset.child
        aimed = self.target_latency_ms is not None
        return aimed and child is not None and not child.endswith(".json")

    def as_config(self) -> dict[str, Any]:
        """The settings for a work dir; of the phone, only those that affect the latency."""
        config = dataclasses.asdict(self)
        config["preset"]["search"] = self.preset.search.identity
        # `images` already includes the preset's options.
        del config["preset"]["images"]
        config["images"] = self.images.changed()
        if self.images == image_options.SUITABLE:
            del config["images"]
        if self.preset.child is None:
            del config["preset"]["child"]
        # Added later; earlier work dirs go on.
        if self.preset.init == init_names.RANDOM:
            del config["preset"]["init"]
        config["preset"]["train"] = self.preset.train.settings
        phone = config.pop("phone")
        if phone is not None and self.device != "local":
            unimportant = ("adb", "timeout_seconds", "cooling_seconds")
            config["phone"] = {name: phone[name] for name in phone if name not in unimportant}
            # Added later; earlier work dirs go on.
            if not phone["benchmark_args"]:
                del config["phone"]["benchmark_args"]
        return config


def checked(settings: Settings) -> Settings:
    """Refuses settings that would fail later, before anything is written or run.

    Returns:
        The settings, with the target's recipe added to the exported recipes if it is missing.

    Raises:
        ValueError: a name that does not exist, or a number that is not allowed.
    """
    preset = settings.preset
    asks_fastest = preset.recipe == FASTEST
    named = preset.recipes if asks_fastest else (preset.recipe, *preset.recipes)
    for name in named:
        recipes.recipe(name)
    network: Child | SearchSpace
    if preset.child is not None:
        if preset.init == init_names.SEARCH:
            raise ValueError(
                f"init: expected random, imagenet or a file with --child, which has no search, "
                f"received {preset.init}; use tools.train --init=search for the network of an "
                "earlier search"
            )
        network = spaces.load_child(preset.child)
        _check_resolution(settings)
    else:
        network = spaces.load_space(preset.space)
        _check_search(preset, network)
    if init_names.is_pretrained(preset.init):
        seeds.load(preset.init, network)
    for name in named:
        support.check(network, name)
    latency_models.device(settings.device, settings.num_threads, settings.phone)
    if asks_fastest or preset.recipe in preset.recipes:
        return settings
    preset = dataclasses.replace(preset, recipes=(preset.recipe, *preset.recipes))
    return dataclasses.replace(settings, preset=preset)


def _check_resolution(settings: Settings) -> None:
    """Checks that only one of target and flags says which resolution a child has."""
    if settings.chooses_resolution and settings.images.resolution is not None:
        raise ValueError(
            f"resolution: expected none with --child={settings.preset.child} and a target, which "
            f"says what resolution is fast enough, received {settings.images.resolution}; leave "
            "one of them out"
        )


def _check_search(preset: presets.Preset, space: SearchSpace) -> None:
    algorithms.algorithm(preset.search.algorithm, preset.search)
    if space.cardinality < selection.MIN_NETWORKS:
        raise ValueError(
            f"space {space.name}: expected at least {selection.MIN_NETWORKS} networks to "
            f"choose from, received {space.cardinality}; add slots or candidates"
        )
