"""Flags for the device on which latency is measured, shared by every tool that measures."""

from collections.abc import Mapping
from typing import Any

from absl import flags

import latency_models
from latency_models import Device, PhoneSettings
from latency_models.devices.android import adb, benchmark_args
from latency_models.devices.android.phone_settings import DELEGATES

DEVICE = flags.DEFINE_string(
    "device", "local", "Device to measure on: local is this machine, adb or adb:SERIAL a phone."
)
THREADS = flags.DEFINE_integer("num_threads", 1, "Threads of the runtime.", lower_bound=1)
_PROGRAM = flags.DEFINE_string(
    "benchmark_model",
    "",
    f"For phones: the benchmark_model program on this machine. {adb.WHERE_TO_GET_IT}",
)
_DELEGATE = flags.DEFINE_enum(
    "delegate", "none", DELEGATES, "For phones: delegate that runs the model; none is the CPU."
)
_MASK = flags.DEFINE_string(
    "cpu_mask",
    "auto",
    "For phones: cores to run on. auto pins to the fastest cores; none does not pin; or a "
    "hexadecimal mask such as f0.",
)
_WARMUP_RUNS = flags.DEFINE_integer(
    "warmup_runs", 10, "For phones: warm-up runs in each sample.", lower_bound=1
)
_NUM_RUNS = flags.DEFINE_integer(
    "num_runs", 50, "For phones: timed runs in each sample.", lower_bound=1
)
_MAX_SECONDS = flags.DEFINE_float(
    "max_run_seconds",
    20.0,
    "For phones: most seconds for the timed runs of a sample.",
    lower_bound=0.01,
)
_COOLING = flags.DEFINE_float(
    "cooling_seconds",
    600.0,
    "For phones: most seconds to wait for a warm phone to cool down.",
    lower_bound=0.0,
)
_ADB = flags.DEFINE_string("adb", "adb", "For phones: the adb program.")
_TIMEOUT = flags.DEFINE_float(
    "adb_timeout_seconds", 30.0, "For phones: timeout of an adb call in seconds.", lower_bound=0.1
)
_ARGS = flags.DEFINE_multi_string(
    "benchmark_args",
    [],
    "For phones: further options of the benchmark_model program, for accelerators without a flag "
    "here, such as --benchmark_args='--use_hexagon=true --hexagon_lib_path=/data/local/tmp'. They "
    "are part of the environment of a row and of a latency model.",
)

_OF_PHONES = (
    _PROGRAM,
    _DELEGATE,
    _MASK,
    _WARMUP_RUNS,
    _NUM_RUNS,
    _MAX_SECONDS,
    _COOLING,
    _ADB,
    _TIMEOUT,
    _ARGS,
)


# Names of all these flags.
NAMES = tuple(flag.name for flag in (DEVICE, THREADS, *_OF_PHONES))


def phone_settings() -> PhoneSettings:
    """The settings for phones that the flags give.

    Raises:
        ValueError: the value of a flag is not allowed, or it has no effect on this machine.
    """
    if DEVICE.value == "local":
        given = [f"--{flag.name}" for flag in _OF_PHONES if flag.value != flag.default]
        if given:
            raise ValueError(
                f"expected {' and '.join(given)} for a phone, received that with --device=local; "
                "leave it out, or name a phone with --device=adb"
            )
    return PhoneSettings(
        benchmark_model=_PROGRAM.value,
        delegate=_DELEGATE.value,
        cpu_mask=_MASK.value,
        warmup_runs=_WARMUP_RUNS.value,
        num_runs=_NUM_RUNS.value,
        max_run_seconds=_MAX_SECONDS.value,
        cooling_seconds=_COOLING.value,
        adb=_ADB.value,
        timeout_seconds=_TIMEOUT.value,
        benchmark_args=benchmark_args.normal(" ".join(_ARGS.value), _DELEGATE.value),
    )


def device_of(environment: Mapping[str, Any]) -> Device:
    """The device of an environment, unless the flags name another.

    Args:
        environment: as a latency model's `environment_`. Its device, threads and delegate are the
            defaults of the flags that were not given, and so are its options of the program.

    Raises:
        ValueError: no device has that name, or the flags do not fit it.
    """
    for name in ("device", "num_threads", "delegate"):
        flag = flags.FLAGS[name]
        if not flag.present and environment[name] is not None:
            flag.value = environment[name]
    if not _ARGS.present and environment.get("benchmark_args"):
        flags.FLAGS[_ARGS.name].value = [environment["benchmark_args"]]
    return device()


def device() -> Device:
    """The device that the flags name.

    Raises:
        ValueError: no device has that name, or other flags do not fit it.
    """
    settings = phone_settings()
    return latency_models.device(DEVICE.value, THREADS.value, settings)
