"""Runs everything from a data set to a measured `.tflite` file in one resumable command.

    python -m tools.pipeline --preset=quick --workdir=runs/quick
    python -m tools.pipeline --dataset=folder:DIR --resolution=64 --workdir=runs/mine

Run the same command again to resume; it repeats no finished stage. `--dry_run` prints which stages
are left and roughly how long they take, and writes nothing.
"""

import dataclasses
import pathlib
from typing import Any

from absl import flags

from tools.flags import algorithm_flags, data_flags, device_flags, preset_flags, watch_flags
from tools.terminal import console
from tools.workflow import workdir

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


def main() -> None:
    """Runs the stages that are not finished and prints the summary."""
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
    settings = checked(settings)
    config = {"preset_name": _PRESET.value, **settings.as_config()}
    directory = workdir.WorkDir(
        _WORKDIR.value,
        config,
        ["data_dir"],
        apart_from=["search", "train"],
        # The trained network stays; another recipe only exports and measures.
        replaceable=["preset.recipes"],
    )
    if watch_flags.DRY_RUN.value:
        plan.show(settings, directory)
        return
    with directory:
        tensorboard = watch_flags.TENSORBOARD.value
        Pipeline(settings, directory, pathlib.Path(_WORKDIR.value), tensorboard).run()


if __name__ == "__main__":
    console.run(main)
