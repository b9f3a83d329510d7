"""Why a call to a phone failed, and what the user can do about it.

The same words mean different things at different places: "not found" in adb's own answer is a phone
that is not there, but in the answer of the phone's shell it is a command that Android lacks. So
each place has a table of its own.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence

_DEBUGGING = "switch USB debugging on, and check adb devices"
_WINDOWS = (
    "WSL 2 sees no USB devices by itself: attach the phone with usbipd (usbipd attach --wsl), or "
    "use the adb server of Windows (adb -a nodaemon server there, ADB_SERVER_SOCKET=tcp:HOST:5037 "
    "here)"
)
_SERVER = "end adb's server and start it again: adb kill-server, then adb devices"

# Words of adb itself, about the way to the phone.
_OF_ADB = (
    (
        r"unauthorized|authorizing|authenticate",
        "confirm the dialog on the phone's screen (if there is none, revoke USB debugging "
        "authorizations among the developer options, and connect it again)",
    ),
    (
        r"no permissions|insufficient permissions",
        "give this user access to the USB device (udev rules; Debian: apt-get install "
        "android-sdk-platform-tools-common), then plug it in again",
    ),
    (
        r"\b(recovery|sideload|rescue|bootloader|fastboot)\b",
        "start Android on the phone: adb reboot, or its power button",
    ),
    (r"more than one", "name one with --device=adb:SERIAL; adb devices lists them"),
    (
        r"cannot connect to daemon|check server version|cannot start server|start daemon"
        r"|didn't ACK|protocol fault|smartsocket|ADB_SERVER_SOCKET",
        f"{_SERVER}; if ADB_SERVER_SOCKET is set, check that a server listens there",
    ),
    (r"offline", "unplug it and plug it in again, or adb reconnect"),
    (
        r"Connection refused",
        "switch network debugging on: adb tcpip PORT while it is plugged in",
    ),
    (
        r"No route to host|timed out|unreachable|resolve|not known|unable to connect",
        "check the address, and that the phone and this machine are in one network",
    ),
    (r"not found|no devices|not listed", f"plug it in, {_DEBUGGING}"),
)
# What Android's services answer if the phone's maker allows less.
SECURITY = (
    "allow it among the developer options: 'USB debugging (Security settings)' on Xiaomi, Redmi "
    "and Poco, 'Disable permission monitoring' on Oppo, Realme and OnePlus"
)
# Words of the phone's shell and of its file system.
_OF_PHONE = (
    (r"SecurityException|WRITE_SECURE_SETTINGS|INJECT_EVENTS", SECURITY),
    (r"No space left", "make room on the phone"),
    (
        r"Read-only file system|Permission denied|Operation not permitted",
        "adb's user may not write there: see who owns it (adb shell ls -ld /data/local/tmp "
        "/data/local/tmp/proxylessnas), and remove what root left (adb root, or su, then rm -rf); "
        "phones that a company manages may forbid it altogether",
    ),
    (r"File exists", "remove the file of this name on the phone (adb shell rm)"),
    (r"not found|No such file", "this Android has no such command or file; try a newer Android"),
)
_NOT_BUILT = "use the one built for {abi}"
# Words of a program that does not start, by what the phone's shell or linker says.
_OF_PROGRAM = (
    (r"\d\d-bit instead of|e_machine", _NOT_BUILT),
    (
        r"CANNOT LINK EXECUTABLE|library \"?\S+\"? not found|cannot locate symbol|shared librar",
        "the phone lacks a library that the program is linked to: use TensorFlow's prebuilt "
        "program, which needs none, or one linked statically",
    ),
    (
        r"Permission denied|can't execute",
        "the phone does not let programs run in /data/local/tmp (mounted noexec, or forbidden by "
        "who manages it): use another phone, or ask its manager",
    ),
    (r"Illegal instruction", f"it was built for newer processors: {_NOT_BUILT}"),
    (
        r"Segmentation fault|Abort|Bus error|Killed",
        "it starts and crashes: use TensorFlow's prebuilt program for {abi}",
    ),
    (
        r"^usage:|(^|\s)--?\w+[ =]",
        "it is another program: use TensorFlow's benchmark_model built for {abi}",
    ),
    (r"", _NOT_BUILT),
)

# What a shell says of signals that end a program, or does not say: a shell of Android ends with
# 128 and the number of the signal.
_SIGNALS = {4: "Illegal instruction", 6: "Aborted", 7: "Bus error", 9: "Killed"}
_SIGNALS |= {11: "Segmentation fault"}
_NO_COMMAND = 127

# Frames of a Java stack trace, and what adb says when it starts its server.
_NOISE = re.compile(r"at [\w.$]+(\(|$)|\.\.\. \d+ more|\* daemon |Exception occurred while ")
_JAVA = re.compile(r"\b(?:[a-z_]\w*\.)+\w*(?:Exception|Error)\b.*")
_ERRORS = (
    re.compile(r"error|failed|exception", re.IGNORECASE),
    re.compile(r"denied|denial|cannot|can't|not found|refused|unable|no such|not permitted", re.I),
)


def reason(text: str) -> str:
    """The line of an output that says why something failed; empty if there is none.

    Of a Java stack trace it is the line with the exception.
    """
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not _NOISE.match(line)]
    for line in lines:
        found = _JAVA.search(line)
        if found:
            return printable(found[0][:300])
    for pattern in _ERRORS:
        errors = [line for line in lines if pattern.search(line)]
        if errors:
            return printable(errors[-1][:300])
    return printable(lines[-1][:300]) if lines else ""


def of_adb(said: str) -> str | None:
    """What helps against words of adb about a phone; None if nothing is known."""
    return _first(_OF_ADB, said)


def of_phone(said: str) -> str | None:
    """What helps against words of the phone's shell; None if nothing is known."""
    return _first(_OF_PHONE, said)


def of_program(status: int, said: str, abi: str) -> str:
    """What helps if a program does not start on a phone with processors of type `abi`."""
    said = f"{said}\n{crash(status)}"
    return str(_first(_OF_PROGRAM, said)).format(abi=abi or "its processor")


def crash(status: int) -> str:
    """What a shell calls the signal that ended a program; empty if none did."""
    return _SIGNALS.get(status - 128, "")


def of_pinning(status: int) -> str:
    """What helps if the phone does not run a program on chosen cores."""
    if status == _NO_COMMAND:
        return "this Android cannot pin programs to cores: let them run on any (--cpu_mask=none)"
    return (
        "the cores may be offline: charge the phone, leave power saving and keep its screen on, or "
        "choose other cores with --cpu_mask (none: any)"
    )


def is_missing(said: str) -> bool:
    """Whether the phone lacks a command, rather than forbidding it."""
    return re.search(r"not found|inaccessible", said, re.IGNORECASE) is not None


def no_phone(states: Sequence[str]) -> str:
    """What helps if no phone is ready, given the states of those that adb lists."""
    known = [found for found in map(of_adb, states) if found]
    if known:
        return known[0]
    plug = "plug it in, switch USB debugging on, and confirm the dialog on its screen"
    return f"{plug}; {_WINDOWS}" if _is_wsl() and not states else plug


def of_server(said: str = "") -> str:
    """What helps if adb's own server answers nothing, or with an error."""
    text = of_adb(said) or f"the adb server on this machine hangs: {_SERVER}"
    return f"{text}; {_WINDOWS}" if _is_wsl() else text


def _is_wsl() -> bool:
    return "WSL_DISTRO_NAME" in os.environ or "microsoft" in platform.release().lower()


def _first(table: Sequence[tuple[str, str]], said: str) -> str | None:
    for pattern, remedy in table:
        if re.search(pattern, said, re.IGNORECASE | re.MULTILINE):
            return remedy
    return None


def printable(text: str) -> str:
    """Replaces control characters, which a phone's output may contain."""
    return "".join(c if c.isprintable() else "?" for c in text)
