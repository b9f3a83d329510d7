"""Controls one phone through the `adb` program.

Three rules hold for every call. It has a timeout, since adb waits forever on a frozen phone. On
this machine it is a list of arguments, never a shell command. Words for the phone's shell are
quoted one by one.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import subprocess
from collections.abc import Sequence

from latency_models.devices.android import remedies
from latency_models.devices.protocol import DeviceError
from nas import files

# Failures of adb and of a command have the same exit codes (1 or 255). So the phone prints the
# command's exit status in its last line; if that line is missing, the connection broke.
_STATUS = "exit-status:"
_STATUS_LINE = re.compile(rf"(?:\A|\n){_STATUS}(\d+)\s*\Z")
_LOST = (
    "see whether the phone restarted or its cable is loose, then run the same command again to "
    "resume"
)


@dataclasses.dataclass(frozen=True)
class Output:
    """Output and exit status of a command on the phone."""

    status: int
    stdout: str
    stderr: str

    @property
    def text(self) -> str:
        """All output: stdout, then stderr."""
        return self.stdout + self.stderr


@dataclasses.dataclass(frozen=True)
class Listed:
    """A line of `adb devices`: a serial number and its state, which is `device` if it is ready."""

    serial: str
    state: str


def parse_devices(text: str) -> list[Listed]:
    """Parses the output of `adb devices`; skips lines that are not phones."""
    listed = []
    for line in text.splitlines():
        serial, tab, state = line.partition("\t")
        if tab and serial.strip() and state.strip():
            listed.append(Listed(serial.strip(), state.strip()))
    return listed


class Adb:
    """One phone.

    Attributes:
        serial: its serial number, or HOST:PORT.
        timeout_seconds: timeout of calls that do not give their own.
    """

    def __init__(self, serial: str, program: str = "adb", timeout_seconds: float = 30.0) -> None:
        """Stores the arguments."""
        self.serial = serial
        self.timeout_seconds = timeout_seconds
        self._program = program

    def shell(self, script: str, timeout_seconds: float | None = None) -> Output:
        """Runs a script in the phone's shell. Quote its words with `quoted`.

        Raises:
            DeviceError: the phone was lost or did not answer. A script that fails does not raise.
        """
        # The script runs in a subshell, so that its own `exit` does not skip the status line.
        marked = f"(\n{script}\n)\nstatus=$?\necho\necho {_STATUS}$status"
        done = self._run(["shell", marked], timeout_seconds, f"shell {_first_line(script)}")
        stdout = done.stdout.replace("\r\n", "\n")
        found = _STATUS_LINE.search(stdout)
        if found is None:
            said = remedies.reason(done.stderr or stdout)
            raise self._error(
                f"lost in the middle of: {_first_line(script)} (adb ended with {done.returncode})",
                said,
                remedies.of_adb(said) or _LOST,
            )
        return Output(int(found[1]), stdout[: found.start()], done.stderr)

    def check_shell(self, script: str, timeout_seconds: float | None = None) -> str:
        """Like `shell`, but raises DeviceError if the script fails. Returns its stdout."""
        output = self.shell(script, timeout_seconds)
        if output.status:
            said = remedies.reason(output.stderr or output.stdout)
            what = f"{_first_line(script)} failed (exit {output.status})"
            raise self._error(what, said, remedies.of_phone(said))
        return output.stdout

    def push(self, path: files.Path, remote: str, timeout_seconds: float | None = None) -> None:
        """Copies a file from this machine to the phone.

        Raises:
            DeviceError: the phone was lost, or the copy failed.
        """
        done = self._run(["push", os.fspath(path), remote], timeout_seconds, f"push to {remote}")
        if done.returncode:
            said = remedies.reason(done.stderr or done.stdout)
            # adb gives the phone's own errors after the names of both files.
            ending = said.rpartition("': ")[2] if "failed to copy" in said else ""
            remedy = remedies.of_phone(ending) or remedies.of_adb(said) or _LOST
            raise self._error(f"could not write {remote}", said, remedy)

    def state(self) -> str:
        """The state in `adb devices`: `device` if the phone is ready; or `not listed`.

        Raises:
            DeviceError: the adb program is missing, its server does not answer, or several phones
                have this serial number.
        """
        states = [phone.state for phone in self.listed() if phone.serial == self.serial]
        if len(states) > 1:
            raise _same_serial(self.serial, len(states))
        return states[0] if states else "not listed"

    def listed(self) -> list[Listed]:
        """All phones that adb lists."""
        done = self._run_plain(["devices"], None, "devices")
        said = remedies.reason(done.stderr or done.stdout)
        if done.returncode:
            raise DeviceError(f"adb devices failed: {said}; {remedies.of_server(said)}")
        if "List of devices" not in done.stdout:
            raise DeviceError(
                f"{self._program}: expected a list of phones from its command devices, received "
                f"{said or 'nothing'}; name Android's adb with --adb"
            )
        return parse_devices(done.stdout)

    def connect(self) -> None:
        """Checks that the phone is ready; connects first to a phone at HOST:PORT.

        Raises:
            DeviceError: the phone is missing or not ready; the message says what to do.
        """
        state = self.state()
        if state != "device" and ":" in self.serial:
            # A broken connection stays `offline` until it is closed.
            self._run_plain(["disconnect", self.serial], None, "disconnect")
            said = self._run_plain(["connect", self.serial], None, f"connect {self.serial}").stdout
            # adb exits with 0 even if it could not connect.
            if not re.match(r"(already )?connected to ", said):
                said = remedies.reason(said)
                raise self._error("adb connect failed", said, remedies.of_adb(said))
            state = self._settled_state()
        if state == "not listed":
            others = ", ".join(phone.serial for phone in self.listed()) or "none"
            what = f"expected among the phones adb lists, received {others}"
            raise self._error(what, "", remedies.no_phone([]))
        if state != "device":
            what = f"expected a phone that is ready, received state {state}"
            raise self._error(what, "", remedies.no_phone([state]))

    def _settled_state(self) -> str:
        """The state after connecting, once it is no longer `offline`."""
        try:
            self._run(["wait-for-device"], 5.0, "wait-for-device")
        except DeviceError:
            pass  # The state below explains the failure better.
        return self.state()

    def _run(
        self, arguments: Sequence[str], timeout_seconds: float | None, doing: str
    ) -> subprocess.CompletedProcess[str]:
        return self._run_plain(["-s", self.serial, *arguments], timeout_seconds, doing)

    def _run_plain(
        self, arguments: Sequence[str], timeout_seconds: float | None, doing: str
    ) -> subprocess.CompletedProcess[str]:
        limit = self.timeout_seconds if timeout_seconds is None else timeout_seconds
        try:
            return subprocess.run(
                [self._program, *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=limit,
            )
        except subprocess.TimeoutExpired:
            raise DeviceError(self._no_answer(arguments, limit, doing)) from None
        except FileNotFoundError:
            raise DeviceError(
                f"{self._program}: expected the adb program, found none; install Android's "
                "platform-tools (Debian: apt-get install adb), or name it with --adb"
            ) from None
        except OSError as error:  # A folder, a file that may not be run, another processor's.
            raise DeviceError(
                f"{self._program}: expected the adb program, received something that does not run "
                f"here ({error.strerror}); name Android's adb with --adb"
            ) from None

    def _no_answer(self, arguments: Sequence[str], seconds: float, doing: str) -> str:
        what = f"no answer for {seconds:.3g} s to: {doing}"
        if arguments[0] == "devices":  # Answered by adb's server on this machine, not by a phone.
            return f"adb: {what}; {remedies.of_server()}"
        return (
            f"adb:{self.serial}: {what}; wake the phone up, unplug it and plug it in again, or "
            "restart it, then run the same command again to resume"
        )

    def _error(self, what: str, said: str, remedy: str | None) -> DeviceError:
        parts = [f"adb:{self.serial}: {what}", said if said not in what else "", remedy]
        return DeviceError("; ".join(part for part in parts if part))


def quoted(*words: str) -> str:
    """Joins `words` into one command for the phone's shell."""
    return shlex.join(words)


def only_phone(program: str = "adb", timeout_seconds: float = 30.0) -> str:
    """Serial number of the only attached phone, or of the one that `ANDROID_SERIAL` names.

    Raises:
        DeviceError: no phone is ready, or several are.
    """
    chosen = os.environ.get("ANDROID_SERIAL")
    if chosen:
        return chosen
    listed = Adb("", program, timeout_seconds).listed()
    ready = [phone.serial for phone in listed if phone.state == "device"]
    if len(ready) == 1:
        return ready[0]
    if ready:
        if len(set(ready)) == 1:
            raise _same_serial(ready[0], len(ready))
        raise DeviceError(
            f"device: expected one phone, received {len(ready)} ({', '.join(ready)}); name one "
            f"with --device=adb:{ready[0]}"
        )
    states = ", ".join(f"{phone.serial} is {phone.state}" for phone in listed) or "adb lists none"
    raise DeviceError(
        f"device: expected a phone that is ready ({states}); "
        f"{remedies.no_phone([phone.state for phone in listed])}"
    )


def _same_serial(serial: str, count: int) -> DeviceError:
    return DeviceError(
        f"adb:{serial}: expected one phone of this serial number, received {count}, which adb "
        "cannot tell apart by it; unplug all but one"
    )


def _first_line(text: str) -> str:
    """The first line that is not empty, cut to a length that fits the screen."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0][:160] if lines else ""
