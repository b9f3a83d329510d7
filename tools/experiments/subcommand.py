"""Runs other command lines as processes and measures their time and memory."""

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
    """Time and memory of a process.

    Attributes:
        seconds: time from start to end.
        cpu_seconds: CPU time of all threads; on a shared machine it excludes waiting.
        peak_mib: largest resident set in MiB.
    """

    seconds: float
    cpu_seconds: float
    peak_mib: float


class Command(NamedTuple):
    """One command line.

    Attributes:
        tool: name of the tool; `tools.<tool>` is run.
        arguments: its flags.
        log: file for its output.
    """

    tool: str
    arguments: Sequence[str]
    log: pathlib.Path


def run(tool: str, arguments: Sequence[str], log: pathlib.Path) -> Usage:
    """Runs `python -m tools.<tool>` on all cores; see `run_side_by_side`."""
    return run_side_by_side([Command(tool, arguments, log)])[0]


def run_side_by_side(commands: Sequence[Command]) -> list[Usage]:
    """Runs as many commands in parallel as there are cores, each on its share of the cores.

    This is faster for programs that rarely keep several cores busy.

    Raises:
        ValueError: a command failed; the message has its last line and the path of its log.
        KeyboardInterrupt: a command was asked to stop.
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
    """A running command."""

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
        """Waits until the process ends and returns its time and memory."""
        _, status, usage = os.wait4(self._process.pid, 0)
        seconds = time.monotonic() - self._start
        code = self._process.returncode = os.waitstatus_to_exitcode(status)
        if code == 130:
            raise KeyboardInterrupt
        tool, _, log = self._command
        if code:
            lines = log.read_text().strip().splitlines() or ["it printed no error"]
            raise ValueError(f"tools.{tool} ended with {code}: {lines[-1]} (see {log})")
        # Linux counts kibibytes, macOS bytes.
        unit = 2**20 if sys.platform == "darwin" else 2**10
        return Usage(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / unit)

    def stop(self) -> None:
        """Asks the process to stop, unless it has ended, and waits for its end."""
        if self._process.returncode is None:
            self._process.terminate()
            self._process.wait()


def core_count() -> int:
    """Number of cores, which is the number of commands that run in parallel."""
    return len(_cores())


def _cores() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


@contextlib.contextmanager
def _on(cores: Sequence[int]) -> Iterator[None]:
    """Restricts processes started inside to these cores, if the system supports it."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
