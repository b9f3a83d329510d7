"""What a device is.

A device opens a session over a set of `.tflite` models and takes one sample at a time; in which
order and how often is decided by `latency_models.measuring.timing`, the same for every device.
"""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Mapping
from typing import Any, Protocol

from latency_models.devices.plan import Plan
from nas import files


class DeviceError(OSError):
    """A device that is not there, does not answer, or does not do what it was asked.

    The message is one line: which device, what happened, what to do.
    """


class Session(Protocol):
    """A device with models on it, ready to run."""

    def sample_ms(self, key: str) -> float:
        """One sample of model `key`: milliseconds an invocation takes, right after a warm-up.

        Raises:
            DeviceError: the device was lost, stopped answering, or cannot run the model.
        """

    def conditions(self) -> dict[str, Any]:
        """What was observed and is no part of the environment: temperatures, thermal status."""


class Device(Protocol):
    """A machine with a LiteRT runtime.

    Attributes:
        num_threads: threads the runtime uses.
        plan: how long to measure on it, unless told otherwise.
    """

    num_threads: int
    plan: Plan

    @property
    def name(self) -> str:
        """How flags and files call it, for example `local`."""

    def environment(self) -> dict[str, Any]:
        """What a latency depends on.

        The keys are those of `ENVIRONMENT_KEYS`. Two rows are comparable when all are equal; what
        changes while a benchmark runs, such as the temperature, is in `Session.conditions`.
        """

    def session(
        self, models: Mapping[str, bytes], min_sample_ms: float
    ) -> contextlib.AbstractContextManager[Session]:
        """Puts `models` on the device.

        Args:
            models: contents of `.tflite` files by key.
            min_sample_ms: a sample repeats quick models for at least this long.
        """


ENVIRONMENT_KEYS = (
    "device",
    "model",
    "soc",
    "abi",
    "os",
    "os_build",
    "runtime",
    "num_threads",
    "affinity",
    "delegate",
    "governor",
)


def check_threads(num_threads: int) -> None:
    """Raises ValueError unless `num_threads` is at least 1."""
    if num_threads < 1:
        raise ValueError(f"num_threads: expected at least 1, received {num_threads}")


def read_model(path: files.Path) -> bytes:
    """Content of a `.tflite` file.

    Raises:
        ValueError: no file there, or something else.
    """
    try:
        content = pathlib.Path(path).read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        raise ValueError(f"{path}: expected a .tflite file, found none") from None
    if content[4:8] != b"TFL3":
        raise ValueError(f"{path}: expected a .tflite file, found other content")
    return content
