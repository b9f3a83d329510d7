"""What a user should know while a device works, through Python's logging.

Warnings of the logger `latency_models` are cautions, which also stand in the rows that they are
about. Its infos say what a device waits for. The commands print both.
"""

from __future__ import annotations

import logging

LOGGER = logging.getLogger("latency_models")


class Cautions:
    """The cautions of one device; each is logged once, however many sessions find it."""

    def __init__(self) -> None:
        """Begins without cautions."""
        self._told: set[str] = set()

    def tell(self, device: str, text: str) -> None:
        """Logs a caution about `device`, unless it was logged before."""
        if text not in self._told:
            self._told.add(text)
            LOGGER.warning("%s: %s", device, text)


def wait(device: str, text: str) -> None:
    """Logs that `device` waits, and why."""
    LOGGER.info("%s: %s", device, text)
