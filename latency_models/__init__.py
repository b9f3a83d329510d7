"""Measurements, devices, block benchmarks, and models of latency fitted to them.

A latency model has `kind`, `fit(measurements, space)`, `predict(child)` in milliseconds,
`slot_latencies(space)`, `check(device=, recipe=, num_threads=)`, `to_dict`, `from_dict` and
`save`, and after `fit` the attributes `reference_ms_` and `evaluation_`. `LATENCY_MODELS` and
`DEVICES` hold the kinds there are.
"""

from collections.abc import Callable

from latency_models.devices import Device, DeviceError
from latency_models.devices.adb import AdbDevice, PhoneSettings
from latency_models.devices.local import LocalDevice
from latency_models.lookup_table import LookupTable
from nas import files

LATENCY_MODELS = {LookupTable.kind: LookupTable}

# How a device is made from what follows the colon of its name.
DEVICES: dict[str, Callable[[str | None, int, PhoneSettings | None], Device]] = {
    "local": lambda _, num_threads, __: LocalDevice(num_threads),
    "adb": AdbDevice,
}

__all__ = ["DEVICES", "LATENCY_MODELS", "Device", "DeviceError", "LocalDevice", "LookupTable"]
__all__ += ["AdbDevice", "PhoneSettings"]
__all__ += ["device", "latency_model", "load"]


def device(name: str, num_threads: int = 1, phone: PhoneSettings | None = None) -> Device:
    """The device called `name`: `local`, `adb` for the only phone, or `adb:SERIAL`.

    Args:
        name: which.
        num_threads: threads the runtime uses.
        phone: how models run on it, if it is one.

    Raises:
        ValueError: no such device (the known ones are listed), or arguments it cannot use.
    """
    kind, colon, serial = name.partition(":")
    if kind not in DEVICES or (colon and (kind != "adb" or not serial)):
        raise ValueError(f"device: expected local, adb or adb:SERIAL, received {name!r}")
    return DEVICES[kind](serial or None, num_threads, phone)


def latency_model(kind: str) -> LookupTable:
    """A latency model of `kind`, ready to be fitted.

    Raises:
        ValueError: no such kind; the known ones are listed.
    """
    _check_kind(kind, "kind")
    return LATENCY_MODELS[kind]()


def load(path: files.Path) -> LookupTable:
    """The fitted latency model in a file that `save` wrote.

    Raises:
        ValueError: no file, or not a latency model; the message names the field.
    """
    data = files.read_json(path)
    if not isinstance(data, dict):
        raise ValueError(f"{path}: expected a JSON object, received {type(data).__name__}")
    _check_kind(data.get("kind"), f"{path}: kind")
    return LATENCY_MODELS[data["kind"]].from_dict(data, str(path))


def _check_kind(kind: object, place: str) -> None:
    if kind not in LATENCY_MODELS:
        raise ValueError(f"{place}: expected one of {', '.join(LATENCY_MODELS)}, received {kind!r}")
