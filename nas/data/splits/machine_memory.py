"""How much memory is left, and refusing what would not fit."""

import os
import pathlib


def available_bytes() -> int:
    """Memory that could be had now; where the system does not say, all there is."""
    try:
        lines = pathlib.Path("/proc/meminfo").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        return int(fields["MemAvailable"].split()[0]) << 10
    except (OSError, KeyError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def check(wanted: int, what: str, instead: str) -> None:
    """Refuses to put into memory what takes more than half of what is left.

    Args:
        wanted: bytes.
        what: is to be kept, for the message.
        instead: what to do, likewise.

    Raises:
        ValueError: it does not fit.
    """
    limit = available_bytes() // 2
    if wanted > limit:
        raise ValueError(
            f"{what}: expected at most {limit / 1e9:.1f} GB, half of the memory that is free, "
            f"received {wanted / 1e9:.1f} GB; use {instead}"
        )
