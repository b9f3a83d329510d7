"""The flag with which a run of more epochs goes on from the end of a shorter one."""

import dataclasses
import pathlib
from typing import TYPE_CHECKING, Any, NamedTuple

from absl import flags

from nas import files, reading
from nas.file_kinds import CONFIG
from tools.reporting.data import records

if TYPE_CHECKING:
    from tools.workflow.pipeline.settings import Settings

_EXTEND = flags.DEFINE_bool(
    "extend",
    False,
    "Go on with the run in the work dir to more epochs than it was started with: from its last "
    "checkpoint, with the learning rate of a run of that many epochs.",
)
HINT = "or go on to more epochs with --extend"


class Extension(NamedTuple):
    """How a run is extended.

    Attributes:
        earlier_epochs: the epochs of the runs that it extends, increasing; empty if there are none.
        is_new: whether this command extends it, and no command before did.
    """

    earlier_epochs: tuple[int, ...]
    is_new: bool

    def replaceable(self, place: str, stage: str) -> dict[str, str | None]:
        """The settings that a work dir may replace, and the stage that runs again.

        Args:
            place: what stands before the names of the settings.
            stage: the stage that trains.
        """
        if not self.is_new:
            return {}
        return {f"{place}epochs": stage, f"{place}earlier_epochs": stage}


def of(workdir: files.Path, run: str, epochs: int) -> Extension:
    """Compares a command's epochs with those that its work dir was started with.

    Args:
        workdir: the work dir, which need not exist.
        run: `train` or `search` for the commands of these names; `pipeline.train` or
            `pipeline.search` for those of a pipeline.
        epochs: the epochs that this command asks for.

    Raises:
        ValueError: there is nothing to extend, or `config.json` is damaged.
    """
    recorded = _recorded(pathlib.Path(workdir) / "config.json", run)
    before = recorded.get("epochs")
    if before is None:
        if _EXTEND.value:
            raise ValueError(
                f"extend: expected a work dir with a run of fewer epochs, received {workdir} "
                "without one; leave --extend out"
            )
        return Extension((), False)
    earlier = tuple(recorded.get("earlier_epochs", ()))
    lengths = (0, *earlier, before)
    if any(one >= other for one, other in zip(lengths, lengths[1:], strict=False)):
        expected = f"increasing numbers from 1 to below epochs, which are {before}"
        name = pathlib.Path(workdir) / "config.json"
        raise reading.fault(name, "earlier_epochs", expected, str(list(earlier)), CONFIG)
    if _EXTEND.value and epochs > before:
        return Extension((*earlier, before), True)
    return Extension(earlier if epochs == before else (), False)


def of_pipeline(
    workdir: files.Path, settings: "Settings"
) -> tuple["Settings", dict[str, str | None]]:
    """Compares a pipeline's epochs with those that its work dir was started with.

    Args:
        workdir: the work dir, which need not exist.
        settings: the settings of the pipeline.

    Returns:
        The settings, with the runs that they extend; and the settings that the work dir may
        replace, each with the stage that then runs again.

    Raises:
        ValueError: as for `of`.
    """
    preset = settings.preset
    runs = {"train": preset.train.epochs}
    if preset.child is None:
        runs["search"] = preset.search.epochs
    found = {run: of(workdir, f"pipeline.{run}", epochs) for run, epochs in runs.items()}
    replaced: dict[str, str | None] = {}
    for run, own in found.items():
        replaced |= own.replaceable(f"preset.{run}.", run)
    if "search" in found and found["search"].is_new:
        # The search may find another child, which is trained from the start.
        found["train"] = found["train"]._replace(earlier_epochs=())
        replaced["preset.train.earlier_epochs"] = "train"
    changed: dict[str, Any] = {
        run: dataclasses.replace(getattr(preset, run), earlier_epochs=own.earlier_epochs)
        for run, own in found.items()
    }
    preset = dataclasses.replace(preset, **changed)
    return dataclasses.replace(settings, preset=preset), replaced


def _recorded(path: pathlib.Path, run: str) -> dict[str, Any]:
    """The settings of a run in `config.json`; empty if there are none."""
    if not reading.exists(path):
        return {}
    config = records.read_config(path)
    if run.startswith("pipeline."):
        preset = config.get("pipeline", {}).get("preset") or {}
        return preset.get(run.removeprefix("pipeline.")) or {}
    return config.get(run, {})
