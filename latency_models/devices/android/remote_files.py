"""Copies the program and the models to a phone, and checks that they arrived complete."""

from __future__ import annotations

import hashlib
import pathlib
import tempfile
from collections.abc import Iterable, Mapping

from latency_models.devices.android import adb_client
from latency_models.devices.android.adb_client import quoted
from latency_models.devices.protocol import DeviceError

# In this folder every Android lets adb's user write files and run programs.
FOLDER = "/data/local/tmp/proxylessnas"

# Commands that some Androids lack, best first: Android 6 and 7 have no sha256sum.
_CHECKSUMS = {"sha256sum": "sha256", "sha1sum": "sha1", "md5sum": "md5"}
_SIZE = "size"


def path_of(name: str, content: bytes, ending: str = "") -> str:
    """A path on the phone that names the content by its checksum."""
    return f"{FOLDER}/{name}_{hashlib.sha256(content).hexdigest()[:16]}{ending}"


def push(adb: adb_client.Adb, contents: Mapping[str, bytes]) -> str | None:
    """Copies files to the phone, except those that a killed benchmark left there complete.

    Args:
        adb: the phone.
        contents: contents by path on the phone, in `FOLDER`.

    Returns:
        A caution if the phone can compare sizes only; otherwise None.

    Raises:
        DeviceError: the phone was lost, or a file did not arrive complete.
    """
    adb.check_shell(quoted("mkdir", "-p", FOLDER))
    present, _ = _whole(adb, contents)
    with tempfile.TemporaryDirectory() as folder:
        for remote, content in contents.items():
            if remote in present:
                continue
            local = pathlib.Path(folder) / "file"
            local.write_bytes(content)
            adb.push(local, remote, adb.timeout_seconds + len(content) / 1e6)
    present, method = _whole(adb, contents)
    missing = set(contents) - present
    if missing:
        raise DeviceError(
            f"adb:{adb.serial}: expected the pushed files to arrive complete, but {len(missing)} "
            f"of {len(contents)} files have a wrong checksum; check the phone's free space and "
            "the cable"
        )
    if method != _SIZE:
        return None
    return f"the phone has none of {', '.join(_CHECKSUMS)}: only sizes of files were compared"


def _whole(adb: adb_client.Adb, contents: Mapping[str, bytes]) -> tuple[set[str], str]:
    """The remote files that exist with the right content, and how they were compared."""
    names = adb.check_shell(f"cd {quoted(FOLDER)} && ls").split()
    there = [path for path in contents if path.rpartition("/")[2] in names]
    if not there:
        return set(), ""
    method, *lines = adb.check_shell(_script(there)).splitlines()
    found = {tuple(line.split(maxsplit=1)) for line in lines if line.strip()}
    return {path for path in there if (_sum(contents[path], method), path) in found}, method


def _script(paths: Iterable[str]) -> str:
    """Prints a method, then the sum of each file by it: the first method that the phone has."""
    files = quoted(*paths)
    return (
        f"for sum in {' '.join(_CHECKSUMS)}; do\n"
        f"  found=$($sum {files} 2>/dev/null) || continue\n"
        '  echo "$sum"; echo "$found"; exit 0\n'
        "done\n"
        f"echo {_SIZE}\n"
        f'for file in {files}; do echo "$(wc -c <$file) $file"; done'
    )


def _sum(content: bytes, method: str) -> str:
    method = method.strip()
    if method in _CHECKSUMS:
        return hashlib.new(_CHECKSUMS[method], content, usedforsecurity=False).hexdigest()
    return str(len(content))
