"""Runs one command on several phones at once, with a process and a result file for each phone."""

import pathlib
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence

from tools.terminal import console

_SECONDS_TO_TIDY_UP = 60.0


def output_for(path: str, device: str) -> str:
    """Path of the result file of `device`: `rows.jsonl` and `adb:A1` give `rows_A1.jsonl`."""
    serial = re.sub(r"[^\w.-]", "_", device.partition(":")[2] or device)
    whole = pathlib.Path(path)
    return str(whole.with_name(f"{whole.stem}_{serial}{whole.suffix}"))


def run(arguments: Sequence[str], devices: Sequence[str], output: str) -> None:
    """Runs a tool for all devices at the same time and relays the output of each.

    A phone that fails does not stop the others.

    Args:
        arguments: the command without `--device` and `--output`.
        devices: different names, as `--device` takes them.
        output: value of `--output` as it would be for one device.

    Raises:
        ValueError: two devices are the same, or, after all have ended, some failed; the message
            names them.
    """
    if len(set(devices)) < len(devices) or "" in devices:
        raise ValueError(f"device: expected different devices, received {','.join(devices)}")
    running = {
        device: subprocess.Popen(
            [*arguments, f"--device={device}", f"--output={output_for(output, device)}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            # Ctrl-C reaches only this process, which then signals each process once. A second
            # signal would interrupt the clean-up that the first one starts.
            start_new_session=True,
        )
        for device in devices
    }
    relays = [
        threading.Thread(target=_relay, args=(device, stream, target))
        for device, process in running.items()
        for stream, target in ((process.stdout, sys.stdout), (process.stderr, sys.stderr))
    ]
    try:
        for relay in relays:
            relay.start()
        failed = [device for device, process in running.items() if process.wait()]
    except BaseException:
        _stop(list(running.values()))
        raise
    finally:
        for relay in relays:
            if relay.ident is not None:
                relay.join()
    if failed:
        raise ValueError(
            f"{len(failed)} of {len(devices)} devices failed: {', '.join(failed)}; the "
            "measurements so far are kept; run the same command again to resume"
        )


def _relay(device: str, stream, target) -> None:
    for line in stream:
        print(f"{device}  {line.rstrip()}", file=target, flush=True)


def _stop(processes: Sequence[subprocess.Popen]) -> None:
    """Stops the processes as Ctrl-C does, and gives them time to restore their phones."""
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    for process in processes:
        try:
            process.wait(_SECONDS_TO_TIDY_UP)
        except subprocess.TimeoutExpired:
            console.say(f"process {process.pid} did not stop; killing it")
            process.kill()
