"""Flags that change a preset: its network, its sizes and its recipes."""

import dataclasses
from typing import TYPE_CHECKING, Any

from absl import flags

if TYPE_CHECKING:
    from nas.training.train_config import TrainConfig
    from tools.workflow.presets import Preset

_CHILD = flags.DEFINE_string(
    "child",
    None,
    "A child.json, or the name of a published network, to train without a search.",
)
_BATCH_SIZE = flags.DEFINE_integer(
    "batch_size",
    None,
    "Images per step of search and training; the preset's if not given.",
    lower_bound=1,
)
_PRECISION = flags.DEFINE_enum(
    "precision",
    None,
    ["float32", "mixed_bfloat16", "mixed_float16"],
    "Precision of activations in search and training; the preset's if not given. Mixed precision "
    "is for GPUs.",
)
_INIT = flags.DEFINE_string(
    "init",
    None,
    "Weights to begin with; the preset's if not given. random; search: the training begins with "
    "those that the search leaves; imagenet, or a file of weights as in tools.train: the search "
    "begins with those, and the training with what the search leaves (with --child, with those).",
)
_NETWORKS = flags.DEFINE_integer(
    "networks",
    None,
    "Number of whole networks to measure for the latency model; the preset's if not given.",
    lower_bound=1,
)
_RECIPES = flags.DEFINE_list("recipes", None, "Recipes to export; the preset's if not given.")


def changed(preset: "Preset") -> "Preset":
    """The preset with the values given on the command line."""
    from nas.pretrained import init_names

    init = _INIT.value if _INIT.value not in (None, "search") else None
    both: dict[str, Any] = {
        flag.name: flag.value for flag in (_BATCH_SIZE, _PRECISION) if flag.value is not None
    }
    own: dict[str, Any] = {
        flag.name: flag.value for flag in (_CHILD, _INIT, _NETWORKS) if flag.value is not None
    }
    if _CHILD.value is not None and preset.init == init_names.SEARCH:
        # There is no search that could leave weights.
        own.setdefault("init", init_names.RANDOM)
    if _RECIPES.value:
        own["recipes"] = tuple(_RECIPES.value)
    return dataclasses.replace(
        preset,
        **own,
        search=dataclasses.replace(preset.search, **both, **({"init": init} if init else {})),
        train=_training(preset, init, both),
    )


def _training(preset: "Preset", init: str | None, changes: dict[str, Any]) -> "TrainConfig":
    """The preset's training, or that which suits other weights to begin with."""
    from nas.pretrained import init_names
    from nas.training import train_config

    settings, was_pretrained = preset.train, init_names.is_pretrained(preset.init)
    if init is not None and init_names.is_pretrained(init) != was_pretrained:
        settings = train_config.SCRATCH if was_pretrained else train_config.FINE_TUNING
    return dataclasses.replace(settings, **changes)
