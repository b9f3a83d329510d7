"""Devices, block benchmarks, measurements, and the latency models fitted to them.

Every latency model is a `fitted.LatencyModel`. `LATENCY_MODELS` and `DEVICES` list the available
kinds. `load` also accepts the names of published tables that come with the package.

`PUBLIC` lists the names for users. All other modules and names may move.
"""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from latency_models.devices import Device
from latency_models.devices.android.adb import AdbDevice
from latency_models.devices.android.phone_settings import PhoneSettings
from latency_models.devices.local import LocalDevice
from latency_models.measuring import part_selection
from latency_models.models import published
from latency_models.models.fitted import LatencyModel
from latency_models.models.lookup_table import LookupTable
from latency_models.models.regression import Regression
from nas import facade, file_kinds, files, known_names, reading
from nas.architecture.specs import SearchSpace

LATENCY_MODELS: dict[str, type[LatencyModel]] = {
    LookupTable.kind: LookupTable,
    Regression.kind: Regression,
}

# Names of devices, with the function that makes each. Its arguments are the text after the colon
# (None without a colon), the number of threads, and the settings for phones.
DEVICES: dict[str, Callable[[str | None, int, PhoneSettings | None], Device]] = {
    "local": lambda _, num_threads, __: LocalDevice(num_threads),
    "adb": AdbDevice,
    "adb:SERIAL": AdbDevice,
}

# Each public name with its module. The benchmark is imported when it is first used.
PUBLIC = {
    "device": "latency_models",
    "PhoneSettings": "latency_models.devices.android.phone_settings",
    "benchmark_space": "latency_models.measuring.block_benchmarks",
    "LookupTable": "latency_models.models.lookup_table",
    "Regression": "latency_models.models.regression",
    "load": "latency_models",
}

__all__ = [
    "device",
    "PhoneSettings",
    "benchmark_space",
    "LookupTable",
    "Regression",
    "load",
]

if TYPE_CHECKING:
    from latency_models.measuring.block_benchmarks import benchmark_space
else:
    __getattr__, __dir__ = facade.lazy(__name__, PUBLIC)


def device(name: str, num_threads: int = 1, phone: PhoneSettings | None = None) -> Device:
    """The device called `name`: `local`, `adb` for the only phone, or `adb:SERIAL`.

    Args:
        name: name of the device.
        num_threads: threads of the runtime.
        phone: how models run on the device, if it is a phone.

    Raises:
        ValueError: no device has that name (the message lists the known ones), or the device
            cannot use the arguments.

    Example:
        >>> import latency_models
        >>> latency_models.device("local", num_threads=2).environment()["num_threads"]
        2
        >>> latency_models.device("phone")
        Traceback (most recent call last):
        ValueError: device: expected local, adb or adb:SERIAL, received 'phone'
    """
    kind, colon, address = name.partition(":")
    forms = {tuple(form.partition(":")[:2]): make for form, make in DEVICES.items()}
    if (kind, colon) not in forms or (colon and not address):
        *others, last = DEVICES
        raise ValueError(f"device: expected {', '.join(others)} or {last}, received {name!r}")
    return forms[kind, colon](address or None, num_threads, phone)


def suitable_kind(space: SearchSpace) -> str:
    """The kind of latency model for the parts of `space` that a benchmark times by default."""
    return (Regression if part_selection.is_designed(space) else LookupTable).kind


def latency_model(kind: str) -> LatencyModel:
    """An unfitted latency model of `kind`.

    Raises:
        ValueError: no such kind; the message lists the known ones.
    """
    known_names.check("kind", kind, LATENCY_MODELS)
    return LATENCY_MODELS[kind]()


def load(path: files.Path) -> LatencyModel:
    """Loads a fitted latency model from a file that `save` wrote, or a published one by name.

    Raises:
        ValueError: the file does not exist or is not a latency model; the message names the field.

    Example:
        >>> import latency_models, nas
        >>> pixel = latency_models.load("pixel1")
        >>> f"{pixel.predict(nas.load_child('proxyless_mobile')):.1f} ms"
        '82.5 ms'
    """
    if path in published.TABLES:
        return published.load(str(path))
    kind, source = file_kinds.LATENCY_MODEL, os.fspath(path)
    data = files.read_json(path, kind)
    if not isinstance(data, dict):
        raise reading.fault(source, "", f"{kind.what} (an object)", reading.shown(data), kind)
    name = data.get("kind")
    if not isinstance(name, str) or name not in LATENCY_MODELS:
        expected = f"one of {', '.join(LATENCY_MODELS)}"
        raise reading.fault(source, "kind", expected, reading.shown(name), kind)
    return LATENCY_MODELS[name].from_dict(data, source)
