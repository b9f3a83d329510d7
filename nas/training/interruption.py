"""Defers Ctrl-C, SIGTERM and SIGHUP, so that a run stops between two steps."""

import contextlib
import signal
import threading
from collections.abc import Iterator

# SIGHUP: the terminal was closed, or the connection to it was lost.
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Request:
    """A request to stop.

    Attributes:
        is_made: whether a signal has asked to stop.
    """

    def __init__(self) -> None:
        self.is_made = False


@contextlib.contextmanager
def deferred() -> Iterator[Request]:
    """Keeps Ctrl-C, SIGTERM and SIGHUP from interrupting the block immediately.

    The first signal only sets `is_made`, which the block checks when it can stop. A second signal
    acts as it would without this context. Python delivers signals only to the main thread, so in
    other threads nothing is deferred.

    Yields:
        The request, whose `is_made` the first signal sets.
    """
    request = Request()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    # `nohup` ignores SIGHUP, and so it stays.
    before = {number: one for number, one in before.items() if one is not signal.SIG_IGN}

    def note(number, frame) -> None:
        if not request.is_made:
            request.is_made = True
            return
        signal.signal(number, before[number])
        signal.raise_signal(number)

    for number in before:
        signal.signal(number, note)
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
