"""A phone as a device: models are pushed through adb and run by `benchmark_model`.

Each sample is one run of `benchmark_model`, pinned to the phone's big cores. The thermal status is
read before and after; if the phone began to throttle during the run, the sample is discarded. At
the end of a session all changed settings are restored and all pushed files are removed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
import re
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

from latency_models.devices import cautions, protocol
from latency_models.devices.android import adb_client, adb_session, benchmark_args, phone_state
from latency_models.devices.android.phone_settings import PhoneSettings
from latency_models.devices.plan import Plan
from latency_models.devices.protocol import DeviceError
from nas import file_lock, reading
from nas.file_kinds import PROGRAM

WHERE_TO_GET_IT = (
    "TensorFlow publishes it as android_aarch64_benchmark_model: see "
    "https://ai.google.dev/edge/litert/models/measurement"
)

# A sample is a process on the phone and takes about 50 times as long as one on this machine.
_PLAN = Plan(
    rounds=10,
    min_rounds=5,
    extra_rounds=5,
    budget_seconds=600.0,
    min_sample_ms=100.0,
    references=2,
    models_at_once=12,
    max_variation=0.05,
)


class AdbDevice:
    """A phone, which is not contacted before `environment` or `session`."""

    def __init__(
        self, serial: str | None, num_threads: int = 1, settings: PhoneSettings | None = None
    ) -> None:
        """Stores the arguments.

        Args:
            serial: serial number or HOST:PORT; None for the only attached phone.
            num_threads: threads of the runtime.
            settings: how models run; `benchmark_model` must be given.

        Raises:
            ValueError: `num_threads` is less than 1, or the file `benchmark_model` does not exist.
        """
        protocol.check_threads(num_threads)
        self.settings = settings or PhoneSettings()
        program = self.settings.benchmark_model
        if not program or not os.path.isfile(program):
            raise ValueError(
                "benchmark_model: expected the benchmark_model program built for the phone, "
                f"received {program or 'none'}; name it with --benchmark_model ({WHERE_TO_GET_IT})"
            )
        self.num_threads = num_threads
        self.plan = _PLAN
        self._serial = serial
        self._properties: dict[str, str] | None = None
        self._cores: list[phone_state.Core] = []
        self._told = cautions.Cautions()

    @property
    def name(self) -> str:
        """`adb:SERIAL`; if no serial was given, asks adb for the attached phone."""
        return f"adb:{self._adb.serial}"

    @property
    def _adb(self) -> adb_client.Adb:
        settings = self.settings
        if self._serial is None:
            self._serial = adb_client.only_phone(settings.adb, settings.timeout_seconds)
        return adb_client.Adb(self._serial, settings.adb, settings.timeout_seconds)

    def _read_state(self) -> dict[str, str]:
        """Reads the phone's properties and cores once; returns the properties."""
        if self._properties is None:
            self._adb.connect()
            properties = phone_state.parse_properties(self._adb.check_shell("getprop"))
            self._cores = phone_state.parse_cores(self._adb.check_shell(phone_state.CORES_SCRIPT))
            self._properties = properties
        return self._properties

    @property
    def _affinity(self) -> list[int] | None:
        chosen = self.settings.cpu_mask
        if chosen == "none":
            return None
        if chosen == "auto":
            self._check_speeds()
            return phone_state.big_cores(self._cores, self.num_threads)
        return phone_state.cores_of(chosen)

    def _check_speeds(self) -> None:
        """Refuses a phone of whose cores only some tell their speed: those that are offline.

        The fastest of the others may be slower than them, and rows of another day would differ.
        """
        found = phone_state.silent_cores(self._cores, self.num_threads)
        if found is not None:
            silent, fastest = found
            offline = [core.index for core in self._cores if not core.is_online]
            state = "are offline and do not tell" if set(silent) <= set(offline) else "do not tell"
            raise DeviceError(
                f"{self.name}: expected the speed of every core, to find the fastest ones, but "
                f"cores {', '.join(map(str, silent))} {state} it; charge the phone, leave "
                "power saving and keep its screen on, or choose cores, such as the fastest of the "
                f"others: --cpu_mask={phone_state.mask(fastest)}"
            )

    @property
    def _noticed(self) -> list[str]:
        """Cautions about runs that are not pinned."""
        is_silent = all(core.max_khz is None for core in self._cores)
        if self.settings.cpu_mask != "auto" or not is_silent:
            return []
        return ["the phone does not tell the speed of its cores, so that runs are not pinned"]

    def environment(self) -> dict[str, Any]:
        """See `protocol.Device`. The runtime's name has a fingerprint of `benchmark_model`.

        Raises:
            DeviceError: the phone is missing, does not answer, or does not tell which cores are the
                fastest.
        """
        found = phone_state.environment(self._read_state(), self._cores)
        program = reading.content(self.settings.benchmark_model, PROGRAM)
        found |= {
            "device": self.name,
            "runtime": f"benchmark_model {hashlib.sha256(program).hexdigest()[:12]}",
            "num_threads": self.num_threads,
            "affinity": self._affinity,
            "delegate": self.settings.delegate,
        }
        environment = {key: found[key] for key in protocol.ENVIRONMENT_KEYS}
        options = benchmark_args.normal(self.settings.benchmark_args, self.settings.delegate)
        return environment | ({"benchmark_args": options} if options else {})

    @contextlib.contextmanager
    def session(
        self, models: Mapping[str, bytes], min_sample_ms: float
    ) -> Iterator[adb_session.AdbSession]:
        """See `protocol.Device`.

        Raises:
            DeviceError: the phone is missing, does not answer, or is in use by another benchmark.
        """
        adb = self._adb
        with _owned(adb.serial):
            adb.connect()
            properties = self._read_state()
            session = adb_session.AdbSession(
                adb,
                self.settings,
                num_threads=self.num_threads,
                affinity=self._affinity,
                fixed_performance=phone_state.has_fixed_performance(properties),
                min_sample_ms=min_sample_ms,
                told=self._told,
                noticed=self._noticed,
            )
            with session.opened(models):
                yield session


@contextlib.contextmanager
def _owned(serial: str) -> Iterator[None]:
    """Locks a phone, since two benchmarks would disturb each other's times and files."""
    name = re.sub(r"\W", "_", serial)
    path = pathlib.Path(tempfile.gettempdir()) / f"proxylessnas_adb_{name}_{os.getuid()}.lock"
    try:
        lock = file_lock.acquire(path)
    except file_lock.Taken as error:
        raise DeviceError(
            f"adb:{serial}: expected a phone that is free, but another benchmark is running on it "
            f"(process {error.owner}); wait until it ends"
        ) from None
    try:
        yield
    finally:
        file_lock.release(lock)
