"""A session on a phone: pushes files, changes settings, takes samples, and undoes all changes."""

from __future__ import annotations

import contextlib
import hashlib
import pathlib
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from latency_models.devices.android import adb_client, benchmark_output, phone_state
from latency_models.devices.android.adb_client import last_line, quoted
from latency_models.devices.android.phone_settings import PhoneSettings
from latency_models.devices.protocol import DeviceError
from nas import reading
from nas.file_kinds import PROGRAM

# In this folder every Android lets adb's user write files and run programs.
FOLDER = "/data/local/tmp/proxylessnas"

_STAY_ON_ALWAYS = "15"  # One bit each for AC, USB, wireless and dock.
# A run continues on the phone when adb ends, so it must be killed there. The brackets keep the
# pattern from matching the shell whose command line contains it. A run may end by itself before it
# is killed; then `kill` fails, and only one that is still there is a fault.
_FIND_RUNS = f"pgrep -f {quoted(FOLDER + '/[b]enchmark_model')}"
_END_RUNS = (
    f'runs=$({_FIND_RUNS}); [ -z "$runs" ] || kill -9 $runs 2>/dev/null || [ -z "$({_FIND_RUNS})" ]'
)
_SECONDS_BETWEEN_READINGS = 5.0
_MOST_WARM_SAMPLES = 5
# Loading a model may take long if a delegate compiles it for the phone.
_LOADING_TIMEOUTS = 3


class AdbSession:
    """See `protocol.Session`; made by `adb.AdbDevice`."""

    def __init__(
        self,
        adb: adb_client.Adb,
        settings: PhoneSettings,
        *,
        num_threads: int,
        affinity: Sequence[int] | None,
        fixed_performance: bool,
        min_sample_ms: float,
    ) -> None:
        """Stores the arguments; `opened` prepares the phone."""
        self._adb = adb
        self._settings = settings
        self._num_threads = num_threads
        self._affinity = affinity
        self._fixed_performance = fixed_performance
        self._min_seconds = min_sample_ms / 1e3
        self._remote: dict[str, str] = {}
        self._program = ""
        self._kind: benchmark_output.Program = "tflite"
        self._undo: list[str] = []
        self._thermal: list[phone_state.Thermal] = []
        self._warm_samples = 0

    @contextlib.contextmanager
    def opened(self, models: Mapping[str, bytes]) -> Iterator[None]:
        """Prepares the phone for `models`, and restores it afterwards.

        Raises:
            DeviceError: a step failed; if the phone could not be restored, the message says what is
                left on it.
        """
        self._undo = [_END_RUNS, quoted("rm", "-rf", FOLDER)]
        try:
            self._adb.check_shell(_END_RUNS)
            self._push(models)
            self._check_program()
            self._hold_clocks()
            self._keep_awake()
            yield
        except BaseException as error:
            self._put_back(error)
            raise
        self._put_back(None)

    def sample_ms(self, key: str) -> float:
        """See `protocol.Session`."""
        for _ in range(_MOST_WARM_SAMPLES):
            before = self._cooled()
            latency_ms = self._run(key)
            after = self._read_thermal()
            if before.status is None or after.status is None or after.status <= before.status:
                return latency_ms
            self._warm_samples += 1
        raise DeviceError(
            f"adb:{self._adb.serial}: expected a thermal status that stays 0, but each of "
            f"{_MOST_WARM_SAMPLES} runs in a row raised it; cool the phone (out of its case, "
            "screen dark, away from the charger), then run the same command again to resume"
        )

    def conditions(self) -> dict[str, Any]:
        """See `protocol.Session`: temperatures at the start and the end, and other observations."""
        first, last = self._thermal[0], self._thermal[-1]
        return {
            "thermal_status": [first.status, last.status],
            "temperatures_c": [first.temperatures_c, last.temperatures_c],
            "discarded_samples": self._warm_samples,
            "fixed_performance": self._fixed_performance,
            "program": self._kind,
        }

    def _push(self, models: Mapping[str, bytes]) -> None:
        """Copies the program and the models to the phone, with checksums in their names."""
        self._adb.check_shell(quoted("mkdir", "-p", FOLDER))
        program = reading.content(self._settings.benchmark_model, PROGRAM)
        self._program = _remote_path("benchmark_model", program, "")
        self._remote = {key: _remote_path("model", models[key], ".tflite") for key in models}
        contents = {self._program: program}
        contents |= {self._remote[key]: content for key, content in models.items()}
        # Complete files that a killed benchmark left are used again, and removed at the end.
        present = self._whole(contents)
        with tempfile.TemporaryDirectory() as folder:
            for remote, content in contents.items():
                if remote in present:
                    continue
                local = pathlib.Path(folder) / "file"
                local.write_bytes(content)
                self._adb.push(local, remote, self._settings.timeout_seconds + len(content) / 1e6)
        missing = set(contents) - self._whole(contents)
        if missing:
            raise DeviceError(
                f"adb:{self._adb.serial}: expected the pushed files to arrive complete, but "
                f"{len(missing)} of {len(contents)} files have a wrong checksum; check the "
                "phone's free space and the cable"
            )
        # Pushed files are not executable.
        self._adb.check_shell(quoted("chmod", "755", self._program))

    def _whole(self, contents: Mapping[str, bytes]) -> set[str]:
        """The remote files that exist with the right content."""
        names = self._adb.check_shell(f"cd {quoted(FOLDER)} && ls").split()
        there = [path for path in contents if path.rpartition("/")[2] in names]
        if not there:
            return set()
        sums = self._adb.check_shell(quoted("sha256sum", *there))
        found = {tuple(line.split(maxsplit=1)) for line in sums.splitlines() if line.strip()}
        return {path for path in there if (_sha256(contents[path]), path) in found}

    def _check_program(self) -> None:
        """Finds out which benchmark_model this is; refuses one that does not run on the phone."""
        output = self._adb.shell(f"{quoted(*self._pinned(), self._program, '--help')} 2>&1")
        try:
            self._kind = benchmark_output.program(output.stdout)
        except ValueError as error:
            abi = self._adb.check_shell("getprop ro.product.cpu.abi").strip()
            hint = f"use the one built for {abi or 'its processor'}"
            if self._affinity is not None:
                hint += ", or try --cpu_mask=none"
            raise DeviceError(
                f"adb:{self._adb.serial}: {self._settings.benchmark_model} does not run on the "
                f"phone (exit {output.status}): {error}; {hint}"
            ) from None
        if self._kind == "litert" and self._settings.delegate == "nnapi":
            raise ValueError(
                "delegate: expected gpu or none, since LiteRT's benchmark_model has no nnapi, "
                "received nnapi; use one of them, or TensorFlow Lite's benchmark_model"
            )

    def _hold_clocks(self) -> None:
        """Turns on fixed performance mode, if Android and the phone support it."""
        if not self._fixed_performance:
            return
        command = ("cmd", "power", "set-fixed-performance-mode-enabled")
        if self._adb.shell(quoted(*command, "true")).status:
            self._fixed_performance = False  # Android supports it, this phone's hardware does not.
            return
        self._undo.insert(0, quoted(*command, "false"))

    def _keep_awake(self) -> None:
        """Keeps the screen on, since a phone in doze mode uses its small cores."""
        setting = ("global", "stay_on_while_plugged_in")
        now = self._adb.shell(quoted("settings", "get", *setting))
        if now.status:
            return  # Bare boards have no settings service, and no doze mode either.
        # If a killed benchmark left its own value in the setting, this file has the user's value.
        kept = f"{FOLDER}/stay_on_before"
        self._adb.check_shell(
            f"[ -f {quoted(kept)} ] || {quoted('echo', now.stdout.strip())} >{quoted(kept)}"
        )
        before = self._adb.check_shell(quoted("cat", kept)).strip()
        restore = ["delete", *setting] if before in ("", "null") else ["put", *setting, before]
        self._undo.insert(0, quoted("settings", *restore))
        self._adb.check_shell(quoted("settings", "put", *setting, _STAY_ON_ALWAYS))
        self._adb.shell(quoted("input", "keyevent", "KEYCODE_WAKEUP"))

    def _put_back(self, earlier: BaseException | None) -> None:
        """Undoes all changes in one call, so that a lost phone costs only one timeout.

        Raises:
            DeviceError: the call failed; the message includes the earlier error.
        """
        script = "\n".join([*(f"{line} || failed=1" for line in self._undo), "exit ${failed:-0}"])
        try:
            self._adb.check_shell(script)
        except DeviceError as failure:
            first = earlier if isinstance(earlier, DeviceError) else failure
            raise DeviceError(
                f"{first}; the phone could not be restored: files are left in {FOLDER}, and the "
                "screen may stay on; the next benchmark on the phone restores it"
            ) from earlier

    def _read_thermal(self) -> phone_state.Thermal:
        seen = phone_state.parse_thermal(self._adb.check_shell(phone_state.THERMAL_SCRIPT))
        self._thermal.append(seen)
        return seen

    def _cooled(self) -> phone_state.Thermal:
        """Waits until nothing is throttled.

        Raises:
            DeviceError: the phone is still throttled after `cooling_seconds`.
        """
        seen = self._thermal[-1] if self._thermal else self._read_thermal()
        limit = time.monotonic() + self._settings.cooling_seconds
        while seen.status:
            if time.monotonic() > limit:
                raise DeviceError(
                    f"adb:{self._adb.serial}: expected thermal status 0, received {seen.status} "
                    f"for {self._settings.cooling_seconds:g} s; cool the phone, then run the same "
                    "command again to resume"
                )
            time.sleep(min(_SECONDS_BETWEEN_READINGS, max(0.0, limit - time.monotonic()) + 0.01))
            seen = self._read_thermal()
        return seen

    def _run(self, key: str) -> float:
        """Runs benchmark_model once; returns milliseconds per invocation."""
        script = f"{quoted(*self._command(self._remote[key]))} 2>&1"
        limit = _LOADING_TIMEOUTS * self._settings.timeout_seconds
        limit += 2 * self._settings.max_run_seconds
        output = self._adb.shell(script, limit)
        try:
            if output.status:
                said = benchmark_output.fault(output.text) or last_line(output.text)
                raise ValueError(f"benchmark_model: exit {output.status}: {said}")
            runs = benchmark_output.parse(output.text)
            if self._kind == "tflite":
                benchmark_output.check_delegate(output.text, self._settings.delegate)
        except ValueError as error:
            raise DeviceError(f"adb:{self._adb.serial}: {key}: {error}") from None
        return runs.latency_ms

    def _command(self, model: str) -> list[str]:
        settings = self._settings
        flags: dict[str, Any] = {
            "graph": model,
            "num_threads": self._num_threads,
            "warmup_runs": settings.warmup_runs,
            "warmup_min_secs": self._min_seconds,
            "num_runs": settings.num_runs,
            "min_secs": self._min_seconds,
            "max_secs": settings.max_run_seconds,
        }
        if settings.delegate == "gpu" and self._kind == "litert":
            # Fail if the GPU cannot run the whole model; otherwise the CPU would silently help.
            flags |= {"use_cpu": "false", "use_gpu": "true", "require_full_delegation": "true"}
        elif settings.delegate != "none":
            flags[f"use_{settings.delegate}"] = "true"
        return [
            *self._pinned(),
            self._program,
            *(f"--{name}={value}" for name, value in flags.items()),
        ]

    def _pinned(self) -> list[str]:
        if self._affinity is None:
            return []
        return ["taskset", phone_state.mask(self._affinity)]


def _remote_path(name: str, content: bytes, ending: str) -> str:
    return f"{FOLDER}/{name}_{_sha256(content)[:16]}{ending}"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
