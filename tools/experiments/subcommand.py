"""Other command lines as processes of their own, with their time and memory."""

import contextlib
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_ROOT = pathlib.Path(__file__).resolve().parents[2]


class Usage(NamedTuple):
    """What a process took.

    Attributes:
        seconds: from start to end.
        cpu_seconds: of all its threads; on a machine that is shared, what tells work from waiting.
        peak_mib: largest resident set in MiB.
    """

    seconds: float
    cpu_seconds: float
    peak_mib: float


class Command(NamedTuple):
    """One command line.

    Attributes:
        tool: `tools.<tool>` is run.
        arguments: its flags.
        log: the file that gets what it prints.
    """

    tool: str
    arguments: Sequence[str]
    log: pathlib.Path


def run(tool: str, arguments: Sequence[str], log: pathlib.Path) -> Usage:
    """Runs `python -m tools.<tool>` on all cores; as `run_side_by_side`."""
    return run_side_by_side([Command(tool, arguments, log)])[0]


def run_side_by_side(commands: Sequence[Command]) -> list[Usage]:
    """Runs as many at a time as there are cores, each on its share of them.

    Programs that seldom keep several cores busy get more done this way.

    Raises:
        ValueError: one of them failed; the message has its last line, and where the others are.
        KeyboardInterrupt: one was asked to stop.
    """
    cores = _cores()
    at_once = max(1, min(len(cores), len(commands)))
    used = []
    for first in range(0, len(commands), at_once):
        started: list[_Process] = []
        try:
            for number, command in enumerate(commands[first : first + at_once]):
                with _on(cores[number::at_once]):
                    started.append(_Process(command))
            used += [process.wait() for process in started]
        except BaseException:
            for process in started:
                process.stop()
            raise
    return used


class _Process:
    """A command that runs."""

    def __init__(self, command: Command) -> None:
        self._command = command
        command.log.parent.mkdir(parents=True, exist_ok=True)
        self._start = time.monotonic()
        with command.log.open("w") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", f"tools.{command.tool}", *command.arguments],
                cwd=_ROOT,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def wait(self) -> Usage:
        """Until it ends."""
        _, status, usage = os.wait4(self._process.pid, 0)
        seconds = time.monotonic() - self._start
        code = self._process.returncode = os.waitstatus_to_exitcode(status)
        if code == 130:
            raise KeyboardInterrupt
        tool, _, log = self._command
        if code:
            lines = log.read_text().strip().splitlines() or ["nothing was said"]
            raise ValueError(f"tools.{tool} ended with {code}: {lines[-1]} (see {log})")
        # Linux counts kibibytes, macOS bytes.
        unit = 2**20 if sys.platform == "darwin" else 2**10
        return Usage(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / unit)

    def stop(self) -> None:
        """Asks it to, unless it ended, and waits until it has."""
        if self._process.returncode is None:
            self._process.terminate()
            self._process.wait()


def core_count() -> int:
    """Commands that run side by side."""
    return len(_cores())


def _cores() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


@contextlib.contextmanager
def _on(cores: Sequence[int]) -> Iterator[None]:
    """Processes that are started inside run on these cores, where the system can be told so."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
