"""Settings of a user for running models on a phone."""

import dataclasses
from typing import Literal

from latency_models.devices.android import benchmark_args, phone_state
from nas import known_names

DELEGATES = ("none", "gpu", "nnapi")


@dataclasses.dataclass(frozen=True)
class PhoneSettings:
    """How models run on a phone.

    Attributes:
        benchmark_model: path of the program on this machine, built for the phone.
        delegate: `none` for the CPU, `gpu`, or `nnapi`.
        cpu_mask: `auto` for the fastest cores, `none` for any, or a hexadecimal mask.
        warmup_runs: warm-up runs in each sample.
        num_runs: timed runs in each sample.
        max_run_seconds: the warm-up and the timed runs each stop after this time.
        cooling_seconds: longest wait for a warm phone to cool down.
        adb: the adb program.
        timeout_seconds: timeout of an adb call, not counting the runs themselves.
        benchmark_args: further options of the program, as on a command line, for example
            `--use_hexagon=true`; none that the other settings decide.

    Example:
        >>> import latency_models
        >>> settings = latency_models.PhoneSettings("benchmark_model", delegate="gpu", num_runs=100)
        >>> settings.cpu_mask, settings.timeout_seconds
        ('auto', 30.0)
    """

    benchmark_model: str = ""
    delegate: Literal["none", "gpu", "nnapi"] = "none"
    cpu_mask: str = "auto"
    warmup_runs: int = 10
    num_runs: int = 50
    max_run_seconds: float = 20.0
    cooling_seconds: float = 600.0
    adb: str = "adb"
    timeout_seconds: float = 30.0
    benchmark_args: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError if a value is not allowed."""
        known_names.check("delegate", self.delegate, DELEGATES)
        benchmark_args.parse(self.benchmark_args, self.delegate)
        if self.cpu_mask not in ("auto", "none"):
            phone_state.cores_of(self.cpu_mask)
        for name in ("warmup_runs", "num_runs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, received {getattr(self, name)}")
        for name in ("max_run_seconds", "timeout_seconds"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name}: expected more than 0, received {getattr(self, name)}")
