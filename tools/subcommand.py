"""Another command line as a process of its own, with its time and memory."""

import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

_ROOT = pathlib.Path(__file__).resolve().parents[1]


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


def run(tool: str, arguments: Sequence[str], log: pathlib.Path) -> Usage:
    """Runs `python -m tools.<tool>`; what it prints goes to `log`.

    Raises:
        ValueError: it failed; the message has its last line, and where the others are.
        KeyboardInterrupt: it was asked to stop.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    with log.open("w") as out:
        command = [sys.executable, "-m", f"tools.{tool}", *arguments]
        process = subprocess.Popen(command, cwd=_ROOT, stdout=out, stderr=subprocess.STDOUT)
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.terminate()
            process.wait()
            raise
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode == 130:
        raise KeyboardInterrupt
    if process.returncode:
        lines = log.read_text().strip().splitlines() or ["nothing was said"]
        raise ValueError(f"tools.{tool} ended with {process.returncode}: {lines[-1]} (see {log})")
    # Linux counts kibibytes, macOS bytes.
    unit = 2**20 if sys.platform == "darwin" else 2**10
    seconds = time.monotonic() - start
    return Usage(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / unit)
