"""Flags that change a preset: its network, its sizes and its recipes."""

import dataclasses
from typing import TYPE_CHECKING, Any

from absl import flags

if TYPE_CHECKING:
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
_INIT = flags.DEFINE_enum(
    "init",
    None,
    ["random", "search"],
    "Weights that the training begins with: random, or those that the search leaves; the preset's "
    "if not given.",
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
    both: dict[str, Any] = {
        flag.name: flag.value for flag in (_BATCH_SIZE, _PRECISION) if flag.value is not None
    }
    own: dict[str, Any] = {
        flag.name: flag.value for flag in (_CHILD, _INIT, _NETWORKS) if flag.value is not None
    }
    if _RECIPES.value:
        own["recipes"] = tuple(_RECIPES.value)
    return dataclasses.replace(
        preset,
        **own,
        search=dataclasses.replace(preset.search, **both),
        train=dataclasses.replace(preset.train, **both),
    )
