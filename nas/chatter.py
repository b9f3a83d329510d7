"""Keeping the frameworks' own messages away from the user."""

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Iterator

# The descriptors belong to the process: of two overlapping uses, the one that ends last would
# restore what the other had redirected.
_lock = threading.RLock()


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Holds back everything written to the process' stdout and stderr, C++ code's included.

    When the body raises, what was held back goes to stderr, so that no failure is hidden. Uses may
    be nested; another thread's use waits for this one to end.
    """
    with _lock, tempfile.TemporaryFile() as held, contextlib.ExitStack() as redirection:
        _flush()
        for descriptor in (1, 2):
            original = os.dup(descriptor)
            redirection.callback(os.close, original)
            redirection.callback(os.dup2, original, descriptor)
            os.dup2(held.fileno(), descriptor)
        # Runs first, whatever ends the body: what Python still buffers is held back too.
        redirection.callback(_flush)
        try:
            yield
        except Exception:
            redirection.close()
            held.seek(0)
            sys.stderr.write(held.read().decode(errors="replace"))
            raise


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
