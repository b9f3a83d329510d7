"""How a pipeline trains its child, and with which weights it begins."""

import dataclasses
import pathlib

from nas.architecture.specs import Child
from nas.pretrained import init_names, initial
from nas.pretrained.initial import Initial
from nas.searching.algorithms.task import CHILD_FILE
from nas.training.train_config import TrainConfig
from tools.workflow.pipeline.settings import Settings


def goes_on(settings: Settings) -> bool:
    """Whether the training goes on with the weights that the search leaves.

    So it does after a search that began with a pretrained network. What the search changed in the
    network has then been trained already; cut out of the pretrained network anew, the same child
    ended two points lower (docs/results.md).
    """
    preset = settings.preset
    is_searched = preset.child is None and init_names.is_pretrained(preset.init)
    return is_searched or preset.init == init_names.SEARCH


def origin(settings: Settings) -> str:
    """Says where the training begins: at scratch, at the weights of the search, or at others."""
    if goes_on(settings):
        return "the weights of the search"
    init = settings.preset.init
    return "scratch" if init == init_names.RANDOM else init


def input_files(settings: Settings) -> list[str]:
    """The files whose weights the training begins with; relative ones are of the work dir."""
    if goes_on(settings):
        return [f"search/{CHILD_FILE}"]
    return initial.input_files(settings.preset.init)


def beginning(
    settings: Settings, child: Child, workdir: pathlib.Path
) -> tuple[TrainConfig, Initial | None]:
    """Returns the settings of the training, and its first weights; None for random ones.

    Raises:
        ValueError: the weights cannot be read, or are not those of such a network.
    """
    if goes_on(settings):
        return _config(settings), initial.of_search(child, workdir / "search" / CHILD_FILE)
    if settings.preset.init == init_names.RANDOM:
        return _config(settings), None
    return from_seed(settings, child)


def from_seed(settings: Settings, child: Child) -> tuple[TrainConfig, Initial]:
    """Returns the same for a network that begins with pretrained weights.

    Raises:
        ValueError: as for `beginning`.
    """
    config = _config(settings)
    found = initial.of_seed(child, settings.preset.init, config.seed)
    return dataclasses.replace(config, measure_moments=found.is_cut), found


def _config(settings: Settings) -> TrainConfig:
    return dataclasses.replace(settings.preset.train, seed=settings.seed)
