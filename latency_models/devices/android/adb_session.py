"""A session on a phone: pushes files, takes samples, and undoes all changes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from latency_models.devices import cautions
from latency_models.devices.android import (
    adb_client,
    phone_changes,
    phone_state,
    remedies,
    remote_files,
)
from latency_models.devices.android.adb_client import quoted
from latency_models.devices.android.benchmark_program import BenchmarkProgram, OptionError
from latency_models.devices.android.phone_settings import PhoneSettings
from latency_models.devices.android.remote_files import FOLDER
from latency_models.devices.protocol import REFERENCE, DeviceError, ModelError
from nas import reading
from nas.file_kinds import PROGRAM

__all__ = ["FOLDER", "AdbSession"]

_SECONDS_BETWEEN_READINGS = 5.0
_SECONDS_BETWEEN_LINES = 60.0
_MOST_WARM_SAMPLES = 5
# Loading a model may take long if a delegate compiles it for the phone.
_LOADING_TIMEOUTS = 3
_RESUME = "then run the same command again to resume"


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
        told: cautions.Cautions | None = None,
        noticed: Sequence[str] = (),
    ) -> None:
        """Stores the arguments; `opened` prepares the phone.

        Args:
            adb: the phone.
            settings: how models run.
            num_threads: threads of the runtime.
            affinity: the cores to run on; None for any.
            fixed_performance: whether this Android has fixed performance mode.
            min_sample_ms: a sample repeats quick models for at least this long.
            told: the device's cautions.
            noticed: cautions from before the session, for its rows.
        """
        self._adb = adb
        self._name = f"adb:{adb.serial}"
        self._settings = settings
        self._num_threads = num_threads
        self._affinity = affinity
        self._has_fixed_performance = fixed_performance
        self._min_seconds = min_sample_ms / 1e3
        self._told = told or cautions.Cautions()
        self._cautions: list[str] = []
        self._changes = phone_changes.PhoneChanges(adb, self._caution)
        self._remote: dict[str, str] = {}
        self._program: BenchmarkProgram
        self._thermal: list[phone_state.Thermal] = []
        self._boot: str | None = None
        self._warm_samples = 0
        # Whether the reference network runs without the user's options, once it is known.
        self._is_reference_plain: bool | None = None
        for text in noticed:
            self._caution(text)

    @contextlib.contextmanager
    def opened(self, models: Mapping[str, bytes]) -> Iterator[None]:
        """Prepares the phone for `models`, and restores it afterwards.

        Raises:
            DeviceError: a step failed; if the phone could not be restored, the message says what is
                left on it.
        """
        try:
            self._changes.end_runs()
            self._read_state()
            path = self._push(models)
            self._check_program(path)
            if self._has_fixed_performance:
                self._changes.hold_clocks()
            self._changes.keep_awake()
            yield
        except BaseException as error:
            self._changes.undo(error)
            raise
        self._changes.undo(None)

    def sample_ms(self, key: str) -> float:
        """See `protocol.Session`."""
        for _ in range(_MOST_WARM_SAMPLES):
            before = self._cooled()
            latency_ms = self._run(key)
            after = self._read_state()
            if before.status is None or after.status is None or after.status <= before.status:
                return latency_ms
            self._warm_samples += 1
        raise DeviceError(
            f"{self._name}: expected a thermal status that stays 0, but each of "
            f"{_MOST_WARM_SAMPLES} runs in a row raised it; cool the phone (out of its case, "
            f"screen dark, away from the charger), {_RESUME}"
        )

    def conditions(self) -> dict[str, Any]:
        """See `protocol.Session`: temperatures at the start and the end, and other observations."""
        first, last = self._thermal[0], self._thermal[-1]
        return {
            "thermal_status": [first.status, last.status],
            "temperatures_c": [first.temperatures_c, last.temperatures_c],
            "discarded_samples": self._warm_samples,
            "fixed_performance": self._changes.fixed_performance,
            "program": self._program.kind,
            "cautions": list(self._cautions),
        }

    def _caution(self, text: str | None) -> None:
        if text and text not in self._cautions:
            self._cautions.append(text)
            self._told.tell(self._name, text)

    def _push(self, models: Mapping[str, bytes]) -> str:
        """Copies the program and the models to the phone; returns the program's path there."""
        program = reading.content(self._settings.benchmark_model, PROGRAM)
        path = remote_files.path_of("benchmark_model", program)
        self._remote = {
            key: remote_files.path_of("model", content, ".tflite")
            for key, content in models.items()
        }
        contents = {path: program} | {self._remote[key]: models[key] for key in models}
        self._caution(remote_files.push(self._adb, contents))
        # Pushed files are not executable.
        self._adb.check_shell(quoted("chmod", "755", path))
        return path

    def _check_program(self, path: str) -> None:
        """Finds out which benchmark_model this is; refuses one that does not run on the phone."""
        program = BenchmarkProgram(
            path, "", self._settings, self._num_threads, self._affinity, self._min_seconds
        )
        if program.pinned:
            self._check_pinning(program.pinned)
        output = self._adb.shell(f"{quoted(*program.pinned, path, '--help')} 2>&1")
        self._program = BenchmarkProgram(
            path,
            output.text,
            self._settings,
            self._num_threads,
            self._affinity,
            self._min_seconds,
        )
        try:
            self._program.kind  # noqa: B018
        except ValueError as error:
            abi = self._adb.check_shell("getprop ro.product.cpu.abi").strip()
            raise DeviceError(
                f"{self._name}: {self._settings.benchmark_model} does not run on the phone "
                f"(exit {output.status}): {error}; "
                f"{remedies.of_program(output.status, output.text, abi)}"
            ) from None
        self._caution(self._program.check())

    def _check_pinning(self, pinned: Sequence[str]) -> None:
        """Refuses cores that the phone does not run programs on."""
        output = self._adb.shell(quoted(*pinned, "true"))
        if output.status:
            cores = ", ".join(map(str, self._affinity or ()))
            raise DeviceError(
                f"{self._name}: expected to pin runs to cores {cores}, but {' '.join(pinned)} "
                f"failed (exit {output.status}): {remedies.reason(output.text)}; "
                f"{remedies.of_pinning(output.status)}"
            )

    def _read_state(self) -> phone_state.Thermal:
        """Reads the thermal status; refuses a phone that was restarted, and notes what is odd.

        Raises:
            DeviceError: the phone was lost, or restarted since the session began.
        """
        text = self._adb.check_shell(phone_state.STATE_SCRIPT)
        boot, seen = phone_state.parse_boot(text), phone_state.parse_thermal(text)
        if self._boot not in (None, boot):
            raise DeviceError(
                f"{self._name}: the phone was restarted in the middle, which undid the settings "
                f"of this benchmark; wait until it has started, {_RESUME}"
            )
        self._boot = boot
        if seen.status is None:
            had = bool(self._thermal) and self._thermal[0].status is not None
            what = "stopped telling its thermal status" if had else "tells no thermal status"
            self._caution(f"the phone {what}, so that runs while it is throttled are not noticed")
        self._note_offline(text)
        self._thermal.append(seen)
        return seen

    def _note_offline(self, text: str) -> None:
        """Notes which of the cores that runs are pinned to are offline."""
        cores, online = set(self._affinity or ()), phone_state.parse_online(text)
        offline = cores & phone_state.parse_offline(text)
        offline |= cores - online if online is not None else set()
        if offline:
            numbers = ", ".join(map(str, sorted(offline)))
            self._caution(f"cores {numbers}, to which runs are pinned among others, are offline")

    def _cooled(self) -> phone_state.Thermal:
        """Waits until nothing is throttled, and says so.

        Raises:
            DeviceError: the phone is still throttled after `cooling_seconds`.
        """
        seen, longest = self._thermal[-1], self._settings.cooling_seconds
        begin = time.monotonic()
        told = -_SECONDS_BETWEEN_LINES
        while seen.status:
            waited = time.monotonic() - begin
            if waited > longest:
                raise DeviceError(
                    f"{self._name}: expected thermal status 0, received {seen.status} for "
                    f"{longest:g} s; cool the phone, {_RESUME}"
                )
            if waited - told >= _SECONDS_BETWEEN_LINES:
                told = waited
                cautions.wait(
                    self._name,
                    f"waiting for the phone to cool down (thermal status {seen.status}, expected "
                    f"0; {waited:.0f} of at most {longest:g} s)",
                )
            time.sleep(min(_SECONDS_BETWEEN_READINGS, max(0.0, longest - waited) + 0.01))
            seen = self._read_state()
        return seen

    def _run(self, key: str) -> float:
        """Runs benchmark_model once; returns milliseconds per invocation.

        Raises:
            ModelError: it could not run the model.
            DeviceError: the phone was lost or restarted, or it can run no model.
        """
        is_reference = key == REFERENCE and self._program.is_accelerated
        is_plain = is_reference and bool(self._is_reference_plain)
        try:
            latency_ms = self._run_once(key, is_reference, is_plain)
        except ModelError as error:
            if not is_reference or self._is_reference_plain is not None:
                raise
            latency_ms = self._run_once(key, is_reference, is_plain=True)
            self._is_reference_plain = True
            self._caution(
                "the reference network runs on the CPU, since the accelerator does not take it "
                f"({error.reason})"
            )
        if is_reference and self._is_reference_plain is None:
            self._is_reference_plain = False
        return latency_ms

    def _run_once(self, key: str, is_reference: bool, is_plain: bool) -> float:
        command = self._program.command(self._remote[key], is_reference, is_plain)
        limit = _LOADING_TIMEOUTS * self._settings.timeout_seconds
        limit += 2 * self._settings.max_run_seconds
        output = self._adb.shell(f"{quoted(*command)} 2>&1", limit)
        try:
            runs, found = self._program.read(output, is_reference, is_plain)
        except OptionError as error:
            raise DeviceError(f"{self._name}: {error}") from None
        except ValueError as error:
            self._read_state()  # Refuses a phone that was restarted meanwhile.
            self._check_files(error)
            raise ModelError(self._name, key, str(error)) from None
        for caution in found:
            self._caution(caution)
        return runs.latency_ms

    def _check_files(self, error: ValueError) -> None:
        """Refuses a phone on which the program is gone."""
        if self._adb.shell(f"[ -f {quoted(self._program.path)} ]").status:
            raise DeviceError(
                f"{self._name}: the program on the phone was removed in the middle ({error}); see "
                f"whether the phone was restarted or cleaned up, {_RESUME}"
            )
