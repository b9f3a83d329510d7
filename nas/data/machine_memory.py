"""Measures the free memory of the machine and refuses what would not fit."""

import os
import pathlib


def available_bytes() -> int:
    """Returns the memory available now, or all memory if the system does not say."""
    try:
        lines = pathlib.Path("/proc/meminfo").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        return int(fields["MemAvailable"].split()[0]) << 10
    except (OSError, KeyError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def check(wanted: int, what: str, instead: str) -> None:
    """Checks that something takes at most half of the free memory.

    Args:
        wanted: bytes that it takes.
        what: its name in the message.
        instead: what the message says to use instead.

    Raises:
        ValueError: it takes more.
    """
    limit = available_bytes() // 2
    if wanted > limit:
        raise ValueError(
            f"{what}: expected at most {limit / 1e9:.1f} GB, half of the free memory, "
            f"received {wanted / 1e9:.1f} GB; use {instead}"
        )
