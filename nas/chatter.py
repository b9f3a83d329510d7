"""Keeping the frameworks' own messages away from the user."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Holds back everything written to the process' stdout and stderr, C++ code's included.

    When the body raises, what was held back goes to stderr, so that no failure is hidden.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held, contextlib.ExitStack() as stack:
        for descriptor in (1, 2):
            original = os.dup(descriptor)
            stack.callback(os.close, original)
            stack.callback(os.dup2, original, descriptor)
            os.dup2(held.fileno(), descriptor)
        try:
            yield
        except Exception:
            sys.stdout.flush()
            sys.stderr.flush()
            stack.close()
            held.seek(0)
            sys.stderr.write(held.read().decode(errors="replace"))
            raise
        sys.stdout.flush()
        sys.stderr.flush()
