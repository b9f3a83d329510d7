"""Prints what our libraries say to the user through Python's logging: cautions, and waits."""

import logging
import sys

import tqdm


class _Notices(logging.Handler):
    """Prints what a library says to the user: cautions, and what it waits for."""

    def emit(self, record: logging.LogRecord) -> None:
        """Prints a line on stderr, above a progress bar if there is one."""
        is_caution = record.levelno >= logging.WARNING
        line = f"caution: {record.getMessage()}" if is_caution else record.getMessage()
        tqdm.tqdm.write(f"  {line}", file=sys.stderr)
        sys.stderr.flush()


def show() -> None:
    """Prints the notices of `latency_models` from now on."""
    logger = logging.getLogger("latency_models")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    if not any(isinstance(handler, _Notices) for handler in logger.handlers):
        logger.addHandler(_Notices())
