"""A stop between two steps instead of in the midst of one."""

import contextlib
import signal
import threading
from collections.abc import Iterator

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Request:
    """Whether somebody asked to stop.

    Attributes:
        is_made: true once they did.
    """

    def __init__(self) -> None:
        self.is_made = False


@contextlib.contextmanager
def deferred() -> Iterator[Request]:
    """Keeps Ctrl-C and SIGTERM from interrupting at once.

    The first of them is noted, for the owner of the block to look at when it suits; a second one
    acts as it would have acted without the block. Python delivers signals to the main thread
    alone, so in another one nothing is kept.

    Yields:
        What was asked so far.
    """
    request = Request()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def note(number, frame) -> None:
        if not request.is_made:
            request.is_made = True
            return
        signal.signal(number, before[number])
        signal.raise_signal(number)

    for number in _SIGNALS:
        signal.signal(number, note)
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
