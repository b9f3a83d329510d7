"""What a benchmark changes on a phone besides its files, and how it is undone.

Changes make the times steadier, but none is needed to take them. A phone that refuses one is
measured without, and says so.
"""

from __future__ import annotations

from collections.abc import Callable

from latency_models.devices.android import adb_client, remedies
from latency_models.devices.android.adb_client import quoted
from latency_models.devices.android.remote_files import FOLDER
from latency_models.devices.protocol import DeviceError

_STAY_ON = "stay_on_while_plugged_in"
_STAY_ON_ALWAYS = "15"  # One bit each for AC, USB, wireless and dock.
# If a killed benchmark left its own value in the setting, this file has the user's value.
_KEPT = f"{FOLDER}/stay_on_before"
_FIXED_PERFORMANCE = ("cmd", "power", "set-fixed-performance-mode-enabled")
# A run continues on the phone when adb ends, so it must be killed there. The brackets keep the
# pattern from matching the shell whose command line contains it.
_FIND_RUNS = f"pgrep -f {quoted(FOLDER + '/[b]enchmark_model')}"
# A run may end by itself before it is killed; then `kill` fails, and only one that is still there
# is a fault.
_END_RUNS = (
    f'runs=$({_FIND_RUNS}); [ -z "$runs" ] || kill -9 $runs 2>/dev/null || [ -z "$({_FIND_RUNS})" ]'
)
_NOT_UNDONE = "not-undone:"


class PhoneChanges:
    """The changes of one session.

    Attributes:
        fixed_performance: whether fixed performance mode is on.
    """

    def __init__(self, adb: adb_client.Adb, caution: Callable[[str], None]) -> None:
        """Stores the arguments.

        Args:
            adb: the phone.
            caution: called with a sentence about each change that the phone refuses.
        """
        self.fixed_performance = False
        self._adb = adb
        self._caution = caution
        # What is left if it cannot be undone, and how it is undone.
        self._undo: list[tuple[str, str]] = [
            ("a run goes on", _END_RUNS),
            (f"files are left in {FOLDER}", quoted("rm", "-rf", FOLDER)),
        ]

    def end_runs(self) -> None:
        """Kills what an interrupted benchmark left running."""
        self._adb.check_shell(_END_RUNS)

    def hold_clocks(self) -> None:
        """Turns on fixed performance mode, if the phone's hardware supports it."""
        left = "fixed performance mode stays on until the phone restarts"
        undo = (left, quoted(*_FIXED_PERFORMANCE, "false"))
        # Before the change, since Ctrl-C may come while the phone makes it.
        self._undo.insert(0, undo)
        output = self._adb.shell(quoted(*_FIXED_PERFORMANCE, "true"))
        if output.status:
            self._undo.remove(undo)
            said = remedies.reason(output.text)
            self._caution(f"fixed performance mode is not available{_because(said)}")
            return
        self.fixed_performance = True

    def keep_awake(self) -> None:
        """Keeps the screen on, since a phone in doze mode uses its small cores."""
        setting = ("global", _STAY_ON)
        now = self._adb.shell(quoted("settings", "get", *setting))
        if now.status == 127:
            return  # Bare boards have no settings service, and no doze mode either.
        value = _last_line(now.stdout)
        if now.status or not (value.isdecimal() or value in ("", "null")):
            self._caution(_dark(remedies.reason(now.text)))
            return
        kept = quoted(_KEPT)
        self._adb.check_shell(f"[ -f {kept} ] || {quoted('echo', value)} >{kept}")
        before = self._adb.check_shell(quoted("cat", _KEPT)).strip()
        restore = ["delete", *setting] if before in ("", "null") else ["put", *setting, before]
        left = f"the screen stays on while it charges ({_STAY_ON} was {before or 'null'})"
        undo = (left, quoted("settings", *restore))
        # Before the change, since Ctrl-C may come while the phone makes it.
        self._undo.insert(0, undo)
        # Some phones refuse and end with 0 nevertheless.
        put = self._adb.shell(
            f"{quoted('settings', 'put', *setting, _STAY_ON_ALWAYS)}\n"
            f'echo "now $({quoted("settings", "get", *setting)} 2>/dev/null)"'
        )
        if _last_line(put.stdout.rpartition("now ")[2]) != _STAY_ON_ALWAYS:
            self._undo.remove(undo)
            self._caution(_dark(remedies.reason(put.text.rpartition("now ")[0] + put.stderr)))
            return
        woken = self._adb.shell(quoted("input", "keyevent", "KEYCODE_WAKEUP"))
        if woken.status:
            self._caution(_dark(remedies.reason(woken.text)))

    def undo(self, earlier: BaseException | None) -> None:
        """Undoes all changes in one call, so that a lost phone costs only one timeout.

        What the phone refuses to undo is a caution.

        Raises:
            DeviceError: the phone was lost; the message includes the earlier error.
        """
        steps = (
            f"( {script} ) >/dev/null 2>&1 || echo {_NOT_UNDONE}{i}"
            for i, (_, script) in enumerate(self._undo)
        )
        try:
            output = self._adb.shell("\n".join(steps))
        except DeviceError as failure:
            first = earlier if isinstance(earlier, DeviceError) else failure
            raise DeviceError(
                f"{first}; the phone could not be restored: files may be left in {FOLDER}, and the "
                "screen may stay on; the next benchmark on the phone restores it"
            ) from earlier
        for line in output.stdout.splitlines():
            if line.startswith(_NOT_UNDONE):
                left = self._undo[int(line.removeprefix(_NOT_UNDONE))][0]
                self._caution(f"not undone on the phone: {left}")


def _last_line(answer: str) -> str:
    """The value in an answer; a linker's warnings may stand before it."""
    return (answer.strip().splitlines() or [""])[-1].strip()


def _because(said: str) -> str:
    return f" ({said})" if said else ""


def _dark(said: str) -> str:
    """Says that the screen may go dark, why, and what helps."""
    allow = "" if remedies.is_missing(said) else f", or {remedies.SECURITY}"
    return (
        f"the phone refuses to keep its screen on{_because(said)}; keep it on by hand, since a "
        f"dark phone is slower{allow}"
    )
