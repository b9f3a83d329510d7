"""Flags that choose rows of a measurement file, which were measured alike."""

import os

from absl import flags

from latency_models.devices.android import benchmark_args
from latency_models.measuring import measurements, row_sets, unmeasured
from latency_models.measuring.measurements import Measurement
from tools.terminal import console

_RECIPE = flags.DEFINE_string("recipe", None, "Use only rows of this recipe.")
_DEVICE = flags.DEFINE_string(
    "device", None, "Use only rows of this device: local, adb (any phone) or adb:SERIAL."
)
_DELEGATE = flags.DEFINE_string("delegate", None, "Use only rows of this delegate.")
_THREADS = flags.DEFINE_integer(
    "num_threads", None, "Use only rows of this number of threads.", lower_bound=1
)
_ARGS = flags.DEFINE_string(
    "benchmark_args",
    None,
    "Use only rows with these further options of benchmark_model; none for none.",
)
_ENVIRONMENT = flags.DEFINE_integer(
    "environment",
    None,
    "Use only the rows with this number in the table that is shown if rows of several were found.",
    lower_bound=1,
)


def rows(path: str) -> list[Measurement]:
    """The rows of search spaces in a measurement file that the flags choose.

    Raises:
        ValueError: there are none, or rows that were not measured alike; what differs is printed.
    """
    if not os.path.exists(path):
        raise ValueError(
            f"{path}: expected a file written by tools.benchmark --space, found none; check the "
            "path"
        )
    every = row_sets.of([row for row in measurements.read(path) if row.space])
    wanted = {flag.name: flag.value for flag in (_DEVICE, _DELEGATE, _THREADS, _RECIPE)}
    if _ARGS.value is not None:
        wanted["benchmark_args"] = benchmark_args.normal(_ARGS.value)
    sets = row_sets.chosen(every, wanted)
    if _ENVIRONMENT.value is not None:
        sets = [one for one in sets if every.index(one) == _ENVIRONMENT.value - 1]
    if len(sets) == 1:
        return list(sets[0].rows)
    given = [f"--{name}={value}" for name, value in wanted.items() if value is not None]
    given += [f"--environment={_ENVIRONMENT.value}"] if _ENVIRONMENT.value else []
    if not sets and not every:
        raise ValueError(
            f"{path}: expected rows of a search space, found none; run tools.benchmark --space"
        )
    if len(every) > 1:
        console.say(console.table(*row_sets.table(every)))
    if _ENVIRONMENT.value and _ENVIRONMENT.value > len(every):
        raise ValueError(
            f"environment: expected a number from 1 to {len(every)}, as the rows in {path} were "
            f"measured in {len(every)} ways, received {_ENVIRONMENT.value}"
        )
    if not sets:
        raise ValueError(
            f"{path}: expected rows of a search space with {' '.join(given)}, found none; "
            "choose others, or run tools.benchmark --space with these flags"
        )
    different = row_sets.differences(sets)
    choosers = [f"--{name}" for name in row_sets.CHOOSERS if name in different]
    raise ValueError(
        f"{path}: expected rows that were measured alike, received {len(sets)} sets of rows that "
        f"differ in {', '.join(different)} (the table above); choose one with "
        f"{', '.join([*choosers, '--environment=NUMBER'])}"
    )


def left_out(path: str, row: Measurement) -> str:
    """What the device could not run, for an error message; empty if there is nothing."""
    failed = [one for one in unmeasured.read(path) if one.is_for(row.recipe, row.environment)]
    if not failed:
        return ""
    return (
        f"; {len(failed)} of the models could not run on {row.environment['device']}, for example "
        f"{failed[0].label} ({failed[0].reason}): take such candidates out of the space (a .json "
        "file) and run tools.benchmark again, which times only what is missing"
    )
