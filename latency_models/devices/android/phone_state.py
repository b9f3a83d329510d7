"""Parsers for the state of an Android phone: properties, cores and temperatures."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

# Prints one line per core: name, highest frequency in kHz, governor, 0 if it is offline, and the
# cores that share its clock. Unreadable fields are empty.
CORES_SCRIPT = (
    "cd /sys/devices/system/cpu 2>/dev/null || exit 0\n"
    "for core in cpu[0-9]*; do\n"
    '  echo "$core,$(cat $core/cpufreq/cpuinfo_max_freq 2>/dev/null),'
    "$(cat $core/cpufreq/scaling_governor 2>/dev/null),$(cat $core/online 2>/dev/null),"
    '$(cat $core/cpufreq/related_cpus 2>/dev/null)"\n'
    "done\n"
    'echo "online $(cat online 2>/dev/null)"'
)
THERMAL_SCRIPT = "dumpsys thermalservice 2>/dev/null || true"
# Says also since when the phone runs. In a container, such as an emulator, the kernel's boot
# stays the same, and only the start of the first process tells.
STATE_SCRIPT = (
    f"{THERMAL_SCRIPT}\n"
    'echo "booted $(cat /proc/sys/kernel/random/boot_id 2>/dev/null)"\n'
    'echo "first process $(cat /proc/1/stat 2>/dev/null)"\n'
    'echo "online $(cat /sys/devices/system/cpu/online 2>/dev/null)"\n'
    "for file in /sys/devices/system/cpu/cpu[0-9]*/online; do\n"
    '  { read -r state <$file; } 2>/dev/null && echo "$file $state"\n'
    "done\n"
    ":"
)

_PROPERTY = re.compile(r"^\[([^\]\n]+)\]: \[(.*?)\]$", re.MULTILINE | re.DOTALL)
_CORE = re.compile(r"^cpu(\d{1,4}),(\d{0,12}),([\w.-]*)(?:,([01]?),([\d ,-]*))?$", re.MULTILINE)
_ONLINE = re.compile(r"^online (\d[\d,-]*)\s*$", re.MULTILINE)
_OFFLINE = re.compile(r"/cpu(\d{1,4})/online 0\s*$", re.MULTILINE)
_BOOT = re.compile(r"^booted (\S+)\s*$", re.MULTILINE)
# The 22nd field; the second one, a name in brackets, may contain spaces.
_FIRST_PROCESS = re.compile(r"^first process \d+ \(.*\)(?: \S+){19} (\d+)\b", re.MULTILINE)
_STATUS = re.compile(r"^\s*Thermal Status: (\d{1,3})\s*$", re.MULTILINE)
_TEMPERATURE = re.compile(r"Temperature\{mValue=(-?\d+(?:\.\d+)?), mType=(-?\d+), mName=([^,{}]+),")
# The report has a section of cached temperatures, and this one with the current ones.
_NOW = "Current temperatures from HAL:"
# Android's Temperature.TYPE_*.
_TYPES = {"0": "cpu", "1": "gpu", "2": "battery", "3": "skin", "9": "npu"}

# First Android API level with fixed performance mode.
_FIXED_PERFORMANCE_SDK = 30


@dataclasses.dataclass(frozen=True)
class Core:
    """One core; None for values that the phone does not tell.

    A core that is offline keeps its highest frequency only if a core that shares its clock tells
    it.
    """

    index: int
    max_khz: int | None
    governor: str | None
    is_online: bool = True


@dataclasses.dataclass(frozen=True)
class Thermal:
    """Thermal state of a phone.

    Attributes:
        status: from 0, nothing is throttled, to 6; None for phones before Android 10.
        temperatures_c: the highest temperature of each kind (cpu, gpu, battery, skin, npu).
    """

    status: int | None
    temperatures_c: dict[str, float]


def parse_properties(text: str) -> dict[str, str]:
    """Parses the output of `getprop`. A value may span several lines."""
    return dict(_PROPERTY.findall(text))


def parse_cores(text: str) -> list[Core]:
    """Parses the output of `CORES_SCRIPT`; returns the cores by index."""
    online = parse_online(text)
    cores: dict[int, Core] = {}
    of_clock: dict[int, int] = {}
    for number, khz, governor, state, related in _CORE.findall(text):
        index = int(number)
        runs = state != "0" and (online is None or index in online)
        cores[index] = Core(index, int(khz) if khz else None, governor or None, runs)
        if khz:
            of_clock.update(dict.fromkeys(_numbers(related), int(khz)))
    for index, core in cores.items():
        if core.max_khz is None and index in of_clock:
            cores[index] = dataclasses.replace(core, max_khz=of_clock[index])
    return [cores[index] for index in sorted(cores)]


def parse_online(text: str) -> set[int] | None:
    """The cores that are online, from the output of a script; None if the phone does not tell."""
    found = _ONLINE.search(text)
    return _numbers(found[1]) if found else None


def parse_offline(text: str) -> set[int]:
    """The cores that are offline, from the output of `STATE_SCRIPT`."""
    return {int(index) for index in _OFFLINE.findall(text)}


def _numbers(text: str) -> set[int]:
    """The numbers of a list such as `0-3,7` or `0 1 2 3 7`."""
    found: set[int] = set()
    for first, last in re.findall(r"(\d{1,4})(?:-(\d{1,4}))?", text):
        found.update(range(int(first), int(last or first) + 1))
    return found


def parse_boot(text: str) -> str:
    """What is equal in two outputs of `STATE_SCRIPT` unless the phone was restarted between."""
    found = (_BOOT.search(text), _FIRST_PROCESS.search(text))
    return " ".join(one[1] if one else "-" for one in found)


def parse_thermal(text: str) -> Thermal:
    """Parses the output of `dumpsys thermalservice`."""
    found = _STATUS.search(text)
    _, has_now, now = text.partition(_NOW)
    temperatures: dict[str, float] = {}
    for value, kind, _ in _TEMPERATURE.findall(now if has_now else text):
        name = _TYPES.get(kind)
        if name:
            temperatures[name] = max(float(value), temperatures.get(name, float("-inf")))
    return Thermal(int(found[1]) if found else None, temperatures)


def big_cores(cores: Sequence[Core], num_threads: int) -> list[int] | None:
    """The fastest cores, at least one per thread; None if the phone does not tell speeds apart.

    Cores with the same highest frequency are taken together, since the scheduler may move a thread
    among them without changing its speed. A core that is offline is taken too, so that the choice
    is the same on another day.
    """
    speeds = {core.index: core.max_khz for core in cores if core.max_khz is not None}
    if len(speeds) < len(cores) or len(set(speeds.values())) < 2:
        return None
    return _fastest(speeds, num_threads)


def silent_cores(cores: Sequence[Core], num_threads: int) -> tuple[list[int], list[int]] | None:
    """The cores that do not tell their speed while others do, and the fastest of the others.

    None if all tell it, or none.
    """
    silent = [core.index for core in cores if core.max_khz is None]
    speeds = {core.index: core.max_khz for core in cores if core.max_khz is not None}
    return (silent, _fastest(speeds, num_threads)) if silent and speeds else None


def _fastest(speeds: Mapping[int, int], num_threads: int) -> list[int]:
    chosen: list[int] = []
    for khz in sorted(set(speeds.values()), reverse=True):
        chosen += [index for index, speed in speeds.items() if speed == khz]
        if len(chosen) >= num_threads:
            break
    return sorted(chosen)


def mask(cores: Sequence[int]) -> str:
    """Formats core numbers as a mask for `taskset`: hexadecimal, without `0x`."""
    return f"{sum(1 << core for core in set(cores)):x}"


def cores_of(mask: str) -> list[int]:
    """The inverse of `mask`.

    Raises:
        ValueError: `mask` is not a hexadecimal number above 0.
    """
    try:
        bits = int(mask, 16)
    except ValueError:
        bits = 0
    if bits <= 0:
        raise ValueError(
            f"cpu_mask: expected auto, none, or a hexadecimal mask such as f0, received {mask!r}"
        )
    return [core for core in range(bits.bit_length()) if bits >> core & 1]


def environment(properties: Mapping[str, str], cores: Sequence[Core]) -> dict[str, Any]:
    """Describes the phone from its properties, under the names of `protocol.ENVIRONMENT_KEYS`."""

    def first(*names: str) -> str | None:
        return next((properties[name] for name in names if properties.get(name)), None)

    maker, model = first("ro.product.manufacturer"), first("ro.product.model")
    release, sdk = first("ro.build.version.release"), first("ro.build.version.sdk")
    governors = sorted({core.governor for core in cores if core.governor})
    return {
        "model": " ".join(name for name in (maker, model) if name) or None,
        "soc": first("ro.soc.model", "ro.board.platform", "ro.hardware"),
        "abi": first("ro.product.cpu.abi"),
        "os": f"Android {release} (API {sdk})",
        "os_build": first("ro.build.fingerprint", "ro.build.display.id"),
        "governor": ", ".join(governors) or None,
    }


def has_fixed_performance(properties: Mapping[str, str]) -> bool:
    """Whether Android can fix the clocks at a level that the phone can sustain."""
    sdk = properties.get("ro.build.version.sdk", "")
    return sdk.isdecimal() and int(sdk) >= _FIXED_PERFORMANCE_SDK
