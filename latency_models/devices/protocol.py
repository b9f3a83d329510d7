"""The Protocol of a device.

A device opens a session with a set of `.tflite` models and takes one sample at a time.
`latency_models.measuring.timing` decides the order and number of samples for all devices.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any, Protocol

from latency_models.devices.plan import Plan
from nas import files, reading
from nas.file_kinds import TFLITE


class DeviceError(OSError):
    """A device is missing, does not answer, or fails to do its task.

    The message is one line that says which device, what happened and what to do.
    """


class ModelError(DeviceError):
    """A device cannot run one model, while it may run the others.

    Attributes:
        device: name of the device.
        key: the model, as the session knows it.
        reason: why, in one line.
    """

    def __init__(self, device: str, key: str, reason: str) -> None:
        """Stores the arguments."""
        super().__init__(f"{device}: {key}: {reason}")
        self.device, self.key, self.reason = device, key, reason


class Session(Protocol):
    """A device with models on it, ready to run."""

    def sample_ms(self, key: str) -> float:
        """Takes one sample of model `key`: milliseconds per invocation, right after a warm-up.

        Raises:
            ModelError: the device cannot run this model, for example because its delegate lacks an
                operation.
            DeviceError: the device was lost or stopped answering.
        """

    def conditions(self) -> dict[str, Any]:
        """Observations that are not part of the environment, such as temperatures."""


class Device(Protocol):
    """A machine with a LiteRT runtime.

    Attributes:
        num_threads: threads of the runtime.
        plan: how long to measure on this device by default.
    """

    num_threads: int
    plan: Plan

    @property
    def name(self) -> str:
        """Name of the device in flags and files, for example `local`."""

    def environment(self) -> dict[str, Any]:
        """Properties of the device that a latency depends on, with the keys `ENVIRONMENT_KEYS`.

        Two rows are comparable if all values are equal. Values that change while a benchmark runs,
        such as the temperature, are in `Session.conditions` instead.
        """

    def session(
        self, models: Mapping[str, bytes], min_sample_ms: float
    ) -> contextlib.AbstractContextManager[Session]:
        """Puts `models` on the device.

        Args:
            models: contents of `.tflite` files by key.
            min_sample_ms: a sample repeats quick models for at least this long.
        """


# Key of the model that is timed beside all others.
REFERENCE = "reference"

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
    """Reads a `.tflite` file.

    Raises:
        ValueError: the file does not exist or has other content.
    """
    content = reading.content(path, TFLITE)
    if content[4:8] != b"TFL3":
        received = "other content" if content else "an empty file"
        raise reading.fault(path, "", TFLITE.what, received, TFLITE)
    return content
