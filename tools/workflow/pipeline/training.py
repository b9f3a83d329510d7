"""How a pipeline trains its child, and with which weights it begins."""

import dataclasses
import pathlib

from nas.architecture.specs import Child
from nas.pretrained import initial
from nas.pretrained.initial import Initial
from nas.searching.algorithms.task import CHILD_FILE
from nas.training.train_config import TrainConfig
from tools.workflow.pipeline.settings import Settings


def origin(settings: Settings) -> str:
    """Says where the training begins: at scratch, at the weights of the search, or at others."""
    init = settings.preset.init
    known = {initial.RANDOM: "scratch", initial.SEARCH: "the weights of the search"}
    return known.get(init, init)


def input_files(settings: Settings) -> list[str]:
    """The files whose weights the training begins with; relative ones are of the work dir."""
    init = settings.preset.init
    return [f"search/{CHILD_FILE}"] if init == initial.SEARCH else initial.input_files(init)


def beginning(
    settings: Settings, child: Child, workdir: pathlib.Path
) -> tuple[TrainConfig, Initial | None]:
    """Returns the settings of the training, and its first weights; None for random ones.

    Raises:
        ValueError: the weights cannot be read, or are not those of such a network.
    """
    config = dataclasses.replace(settings.preset.train, seed=settings.seed)
    init = settings.preset.init
    if init == initial.RANDOM:
        return config, None
    if init == initial.SEARCH:
        return config, initial.of_search(child, workdir / "search" / CHILD_FILE)
    found = initial.of_seed(child, init, config.seed)
    return dataclasses.replace(config, measure_moments=found.is_cut), found
