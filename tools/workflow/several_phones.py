"""One command on several phones at once: a process each, with a file of results each."""

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
    """Where the results of `device` go: `rows.jsonl` and `adb:A1` make `rows_A1.jsonl`."""
    serial = re.sub(r"[^\w.-]", "_", device.partition(":")[2] or device)
    whole = pathlib.Path(path)
    return str(whole.with_name(f"{whole.stem}_{serial}{whole.suffix}"))


def run(arguments: Sequence[str], devices: Sequence[str], output: str) -> None:
    """Runs a tool for every device at the same time and passes on what each says.

    A phone that fails does not stop the others.

    Args:
        arguments: the command without `--device` and `--output`.
        devices: different names, as `--device` takes them.
        output: what `--output` would be for one.

    Raises:
        ValueError: two devices are the same, or one failed; says which, after all have ended.
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
            # Ctrl-C reaches this process alone, which then stops each once: a second signal would
            # interrupt the tidying up of the first.
            start_new_session=True,
        )
        for device in devices
    }
    relays = [
        threading.Thread(target=_relay, args=(device, stream, target))
        for device, process in running.items()
        for stream, target in ((process.stdout, sys.stdout), (process.stderr, sys.stderr))
    ]
    for relay in relays:
        relay.start()
    try:
        failed = [device for device, process in running.items() if process.wait()]
    except BaseException:
        _stop(list(running.values()))
        raise
    finally:
        for relay in relays:
            relay.join()
    if failed:
        raise ValueError(
            f"{len(failed)} of {len(devices)} devices failed: {', '.join(failed)}; what was "
            "measured is kept, and the same command goes on from there"
        )


def _relay(device: str, stream, target) -> None:
    for line in stream:
        print(f"{device}  {line.rstrip()}", file=target, flush=True)


def _stop(processes: Sequence[subprocess.Popen]) -> None:
    """Ends the processes as Ctrl-C does, with time to leave their phones as they were."""
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    for process in processes:
        try:
            process.wait(_SECONDS_TO_TIDY_UP)
        except subprocess.TimeoutExpired:
            console.say(f"process {process.pid} did not stop; killing it")
            process.kill()
