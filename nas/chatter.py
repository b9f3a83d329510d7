"""Hides the frameworks' own messages from the user."""

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Iterator

# The file descriptors belong to the whole process. If two threads redirected them at the same time,
# the one that ends last would restore the other's redirection.
_lock = threading.RLock()


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Holds back all output to the process' stdout and stderr, that of C++ code included.

    If the body raises an Exception, the output is written to stderr, so that no failure is hidden.
    Uses may be nested; a use in another thread waits until this one ends.
    """
    with _lock, tempfile.TemporaryFile() as held, contextlib.ExitStack() as redirection:
        _flush()
        for descriptor in (1, 2):
            original = os.dup(descriptor)
            redirection.callback(os.close, original)
            redirection.callback(os.dup2, original, descriptor)
            os.dup2(held.fileno(), descriptor)
        # Runs before the restoring above, so that output in Python's buffers is held back too.
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
