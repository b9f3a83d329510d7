"""This machine as a device, through the LiteRT interpreter of this process."""

from __future__ import annotations

import contextlib
import math
import os
import pathlib
import platform
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from export.checks import interpreter
from latency_models.devices import protocol
from latency_models.devices.plan import Plan
from nas import chatter

_CALIBRATION_INVOKES = 5
_GOVERNOR = "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"


class LocalDevice:
    """This machine, through the LiteRT interpreter of this process.

    It requests no delegate, so the runtime uses its default CPU kernels. It does not pin the
    process; `affinity` says which cores the process may use.
    """

    name = "local"

    def __init__(self, num_threads: int = 1) -> None:
        """Raises ValueError unless `num_threads` is at least 1."""
        protocol.check_threads(num_threads)
        self.num_threads = num_threads
        self.plan = Plan()

    def environment(self) -> dict[str, Any]:
        """See `protocol.Device`."""
        return {
            "device": self.name,
            "model": None,
            "soc": _processor(),
            "abi": platform.machine(),
            "os": f"{platform.system()} {platform.machine()}",
            "os_build": platform.release(),
            "runtime": interpreter.runtime(),
            "num_threads": self.num_threads,
            "affinity": _affinity(),
            "delegate": "none",
            "governor": _governor(),
        }

    @contextlib.contextmanager
    def session(
        self, models: Mapping[str, bytes], min_sample_ms: float = 1.0
    ) -> Iterator[_LocalSession]:
        """See `protocol.Device`."""
        with chatter.silenced():
            session = _LocalSession(models, self.num_threads, min_sample_ms)
        yield session


class _LocalSession:
    """Keeps all models in memory, each in its own interpreter."""

    def __init__(self, models: Mapping[str, bytes], num_threads: int, min_sample_ms: float) -> None:
        generator = np.random.default_rng(0)
        self._runners: dict[str, Any] = {}
        self._repeats: dict[str, int] = {}
        for key, content in models.items():
            runner = interpreter.load(content, num_threads)
            runner.allocate_tensors()
            for tensor in runner.get_input_details():
                runner.set_tensor(tensor["index"], _random_input(generator, tensor))
            runner.invoke()
            once = min(_invoke_ms(runner, 1) for _ in range(_CALIBRATION_INVOKES))
            self._runners[key] = runner
            self._repeats[key] = max(1, math.ceil(min_sample_ms / once))

    def sample_ms(self, key: str) -> float:
        """See `protocol.Session`."""
        runner = self._runners[key]
        runner.invoke()  # Warm-up: the previous model has filled the caches.
        return _invoke_ms(runner, self._repeats[key])

    def conditions(self) -> dict[str, Any]:
        """Empty: machines report their temperature in too many different ways."""
        return {}


def _invoke_ms(runner: Any, repeats: int) -> float:
    begin = time.perf_counter_ns()
    for _ in range(repeats):
        runner.invoke()
    return (time.perf_counter_ns() - begin) / 1e6 / repeats


def _random_input(generator: np.random.Generator, tensor: dict[str, Any]) -> np.ndarray:
    shape, dtype = tensor["shape"], np.dtype(tensor["dtype"])
    if dtype.kind == "f":
        return generator.uniform(-1.0, 1.0, shape).astype(dtype)
    limits = np.iinfo(dtype)
    return generator.integers(limits.min, limits.max, shape, dtype, endpoint=True)


def _processor() -> str:
    """Name of the processor; on Linux `platform.processor` has only the architecture."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _affinity() -> list[int] | None:
    """Cores this process may run on; None if the system does not tell."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


def _governor() -> str | None:
    """The CPU frequency governor; None if the system does not tell, as on virtual machines."""
    try:
        return pathlib.Path(_GOVERNOR).read_text(encoding="utf-8").strip()
    except OSError:
        return None
