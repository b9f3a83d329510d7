"""Runs everything from a data set to a measured `.tflite` file in one resumable command.

    python -m tools.pipeline --preset=quick --workdir=runs/quick
    python -m tools.pipeline --dataset=folder:DIR --resolution=64 --workdir=runs/mine

Run the same command again to resume; it repeats no finished stage. With other `--recipes` it only
exports them; with more `--train_epochs` or `--search_epochs` and `--extend` it goes on from where
these ended. `--dry_run` prints which stages are left and roughly how long they take, and writes
nothing.
"""

import dataclasses
import pathlib
from typing import TYPE_CHECKING, Any

from absl import flags

from nas.searching import algorithm_names
from tools.flags import (
    algorithm_flags,
    data_flags,
    device_flags,
    extension,
    preset_flags,
    watch_flags,
)
from tools.terminal import console, idle_flags
from tools.workflow import several_hosts, workdir

if TYPE_CHECKING:
    from tools.workflow.presets import Preset

_PRESET = flags.DEFINE_string(
    "preset", "quick", "Name of the experiment; see tools/workflow/presets.py."
)
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder for all files.", required=True)
_SPACE = flags.DEFINE_string(
    "space", None, "Search space: a name, or a .json file; the preset's if not given."
)
_ALGORITHM = flags.DEFINE_string(
    "algorithm", None, f"The preset's if not given. {algorithm_flags.HELP}"
)
_RECIPE = flags.DEFINE_string(
    "recipe",
    None,
    "Recipe whose latency the target is for; the preset's if not given. fastest: times a few "
    "networks in every recipe of --recipes on the device first, and aims at the fastest.",
)
_TARGET_MS = flags.DEFINE_float(
    "target_latency_ms", None, "Target latency in milliseconds.", lower_bound=0.0
)
_TARGET = flags.DEFINE_float(
    "target_latency",
    None,
    "Target latency as a fraction: 0 is the fastest child, 1 the slowest; the preset's if neither "
    "target is given.",
    lower_bound=0.0,
    upper_bound=1.0,
)
_HARD_LIMIT = flags.DEFINE_bool(
    "hard_limit",
    False,
    "Treat the target as a limit: the child's predicted latency never exceeds it.",
)
_SEED = flags.DEFINE_integer("seed", 0, "Seed of all random draws.", lower_bound=0)
_MAX_TRAIN = flags.DEFINE_integer(
    "max_train_examples", 0, "Number of training images to use; 0 is all.", lower_bound=0
)
_WARMUP_EPOCHS = flags.DEFINE_integer(
    "warmup_epochs",
    None,
    "Search epochs that train the weights alone; the preset's if not given.",
    lower_bound=0,
)
_SEARCH_EPOCHS = flags.DEFINE_integer(
    "search_epochs",
    None,
    "Search epochs after the warm-up; the preset's if not given.",
    lower_bound=1,
)
_TRAIN_EPOCHS = flags.DEFINE_integer(
    "train_epochs",
    None,
    "Epochs of the child's training; the preset's if not given.",
    lower_bound=1,
)


def _derived_suitably(chosen: "Preset") -> "Preset":
    """The preset with the choice of the child that suits another space than its own."""
    from nas.architecture import spaces
    from nas.choices import additive_estimate
    from nas.searching import algorithms

    # With too few steps the search is refused before it begins, and the message says what to do.
    steps = additive_estimate.LEAST_STEPS
    space, search = spaces.load_space(chosen.space), chosen.search
    algorithm_names.check_name(search.algorithm)
    suitable = algorithms.suitable_derivation(search.algorithm, space, steps)
    if search.derive == "estimate" or suitable == "alpha":
        return chosen
    return dataclasses.replace(chosen, search=dataclasses.replace(search, derive=suitable))


def main() -> None:
    """Runs the stages that are not finished and prints the summary."""
    several_hosts.check(
        "run tools.benchmark and tools.fit_latency on one host, tools.search and tools.train on "
        "all of them, then tools.export_tflite on one"
    )
    # TensorFlow takes seconds to import; `--help` and a bad flag should answer at once.
    from nas import chatter

    with chatter.silenced():
        from tools.workflow import presets
        from tools.workflow.pipeline import plan
        from tools.workflow.pipeline.run import Pipeline
        from tools.workflow.pipeline.settings import Settings, checked

    chosen = preset_flags.changed(presets.preset(_PRESET.value))
    overrides: dict[str, Any] = {
        name: flag.value
        for name, flag in (("space", _SPACE), ("recipe", _RECIPE))
        if flag.value is not None
    }
    if data_flags.DATASET.present:
        overrides["dataset"] = data_flags.DATASET.value
    searching = algorithm_flags.given()
    for name, flag in (
        ("algorithm", _ALGORITHM),
        ("warmup_epochs", _WARMUP_EPOCHS),
        ("epochs", _SEARCH_EPOCHS),
    ):
        if flag.value is not None:
            searching[name] = flag.value
    training = {} if _TRAIN_EPOCHS.value is None else {"epochs": _TRAIN_EPOCHS.value}
    chosen = dataclasses.replace(
        chosen,
        **overrides,
        search=dataclasses.replace(chosen.search, **searching),
        train=dataclasses.replace(chosen.train, **training),
    )
    algorithm_flags.check([chosen.search.algorithm])
    if _SPACE.value is not None and "derive" not in searching:
        chosen = _derived_suitably(chosen)
    if chosen.child is not None:
        _check_without_search(chosen.child)
    if _TARGET_MS.value is not None and _TARGET.value is not None:
        raise ValueError(
            "expected --target_latency_ms or --target_latency, received both; leave one out"
        )
    if _TARGET.value is not None:
        chosen = dataclasses.replace(chosen, target_latency=_TARGET.value)
    settings = Settings(
        preset=chosen,
        data_dir=data_flags.DATA_DIR.value,
        images=dataclasses.replace(chosen.images, **data_flags.given()),
        device=device_flags.DEVICE.value,
        num_threads=device_flags.THREADS.value,
        phone=device_flags.phone_settings(),
        target_latency_ms=_TARGET_MS.value,
        is_limit=_HARD_LIMIT.value,
        seed=_SEED.value,
        max_train_examples=_MAX_TRAIN.value,
    )
    settings, extended = extension.of_pipeline(_WORKDIR.value, checked(settings))
    preset = settings.preset
    searched = [] if preset.child is not None else [preset.search.batch_size]
    replicas = several_hosts.start(*searched, preset.train.batch_size)
    config = {"preset_name": _PRESET.value, **settings.as_config()}
    config |= replicas.settings(preset.train.batch_size)
    directory = workdir.WorkDir(
        _WORKDIR.value,
        config,
        ["data_dir"],
        apart_from=["search", "train"],
        # The trained network stays; another recipe only exports and measures.
        replaceable={"preset.recipes": None, **extended},
        hints={
            **{f"preset.{run}.epochs": extension.HINT for run in ("search", "train")},
            "preset.search.clip_norm": algorithm_flags.EARLIER_REWARDS,
            "preset.init": "or say with --init what it began with (random by default before)",
        },
    )
    if watch_flags.DRY_RUN.value:
        plan.show(settings, directory)
        return
    with directory:
        tensorboard = watch_flags.TENSORBOARD.value
        path = pathlib.Path(_WORKDIR.value)
        Pipeline(settings, directory, path, tensorboard, replicas).run()


def _check_without_search(child: str) -> None:
    """Refuses flags that have an effect on a search only."""
    of_search = [_SPACE, _ALGORITHM, _TARGET, _HARD_LIMIT, _WARMUP_EPOCHS, _SEARCH_EPOCHS]
    names = [flag.name for flag in of_search] + ["networks", *algorithm_flags.NAMES]
    received = f"it with the network {child}, which is not searched"
    # A network in a file keeps its resolution, so that a target has nothing to choose.
    has_target = not child.endswith(".json")
    idle_flags.check(
        idle_flags.Rule(names, False, "with a search only", received),
        idle_flags.Rule(
            ["target_latency_ms"],
            has_target,
            "with a search, or with a published network, whose resolution it chooses",
            f"it with {child}",
        ),
    )


if __name__ == "__main__":
    console.run(main)
